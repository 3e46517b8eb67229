/**
 * A pool of memory for several x86-64 machines of one process: what one of them gives away, another can have.
 *
 * ```ts
 * const pool = new MemoryPool({ size: 2 * GIB });
 * const machines = ['a', 'b', 'c'].map((name) => new Machine({ name, kernel, memory: 512 * MIB, pool }));
 * ```
 *
 * All of it is one node. It is there from the first machine's start to the last one's end; then the host has it back.
 */
import { PAGE_SIZE } from '@ringlet/microkernel';
import { UserError } from '@ringlet/wire';
import { CORE_DATA_PAGES, freeRam, type MemoryHome } from './memory-home.ts';
import type { NodeAccess, System } from './system.ts';

const MIB = 1024 * 1024;
const LEAST = 64 * MIB;
/** A node has at most 4 GiB, some of it for its own books. */
const MOST = 4000 * MIB;

interface PoolNode {
  readonly system: System;
  readonly access: NodeAccess;
}

/** Memory that machines share. */
export class MemoryPool {
  /** Bytes in all. */
  readonly size: number;
  #node: PoolNode | undefined;
  #machines = 0;

  /** @throws UserError `pool-size-invalid` */
  constructor({ size }: { readonly size: number }) {
    if (!Number.isInteger(size / PAGE_SIZE) || size < LEAST || size > MOST) {
      throw new UserError('pool-size-invalid', `a pool of memory cannot have ${size} bytes`, {
        hint: 'a multiple of 4096, from 64M to 4000M',
      });
    }
    this.size = size;
  }

  /** Bytes that no machine has now. */
  get free(): number {
    if (this.#node === undefined) return this.size;
    const { system, access } = this.#node;
    return system.kernel.freePageCount(access.id) * PAGE_SIZE;
  }

  /** @internal A place in it for one machine. */
  enter(system: System): MemoryHome {
    const { access } = (this.#node ??= this.#create(system));
    const { kernel } = system;
    const runs: { readonly first: number; readonly count: number }[] = [];
    this.#machines++;
    return {
      node: access,
      allocate: (count) => {
        const first = kernel.allocatePages(access.id, count);
        if (first < 0) throw poolTooSmall(count, kernel.freePageCount(access.id));
        runs.push({ first, count });
        return first;
      },
      leave: (partition, ram = []) => {
        if (partition !== undefined) {
          freeRam(system, access.id, partition, ram);
          system.deletePartition(partition);
        }
        for (const { first, count } of runs.splice(0)) kernel.freePages(access.id, first, count);
        if (--this.#machines > 0) return;
        system.releaseNode(access);
        this.#node = undefined;
      },
    };
  }

  #create(system: System): PoolNode {
    const access = system.createNode(this.size / PAGE_SIZE + CORE_DATA_PAGES);
    system.kernel.allocatePages(access.id, CORE_DATA_PAGES);
    return { system, access };
  }
}

/** A pool has not what a machine wants to start with. */
export const poolTooSmall = (pages: number, free: number): UserError =>
  new UserError('pool-too-small', `the pool has no ${mib(pages)} for this machine: ${mib(free)} are free`, {
    hint: 'let another machine give some away (ringlet memory NAME SIZE, machine.memory.set), or make the pool larger',
  });

const mib = (pages: number): string => `${Math.ceil((pages * PAGE_SIZE) / MIB)} MiB`;
