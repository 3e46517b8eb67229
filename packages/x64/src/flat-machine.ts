/**
 * A processor in 64-bit mode with memory and nothing else: linear addresses are guest-physical ones, exceptions leave
 * the core. For tests, fuzzing and measurements of instructions.
 */
import { instantiateCore, type CoreExports } from './core-loader.ts';
import * as State from './state.ts';
import { prepareVpArea, vpAreaBytes } from './vp-area.ts';

const PAGE = 0x1000;
const ARENA_BYTES = 8 << 20;
const AREA = 0x10_0000;
const TABLE_PAGES = 3;

/** Options of {@link FlatMachine}. */
export interface FlatMachineOptions {
  /** A shared memory of at least 16 MiB plus the guest's. */
  readonly memory: { readonly buffer: ArrayBufferLike };
  /** The compiled core. */
  readonly module: object;
  /** Guest-physical ranges with RAM: address and bytes, whole pages. They are mapped one after the other. */
  readonly ram: readonly { readonly address: number; readonly bytes: number }[];
  /** End of what is mapped, bytes, a multiple of 2 MiB, at most 1 GiB. Page tables lie above it. */
  readonly space: number;
}

/** One flat machine. Its memory is addressed by guest address through {@link FlatMachine.host}. */
export class FlatMachine {
  readonly core: CoreExports;
  readonly state = AREA;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly registers: BigUint64Array;
  readonly #slat: Int32Array;

  constructor({ memory, module, ram, space }: FlatMachineOptions) {
    const buffer = memory.buffer as SharedArrayBuffer;
    this.core = instantiateCore(module, memory);
    this.view = new DataView(buffer);
    this.bytes = new Uint8Array(buffer);
    this.registers = new BigUint64Array(buffer, AREA, 16);
    const slat = AREA + vpAreaBytes(ARENA_BYTES);
    const slatPages = space / PAGE + TABLE_PAGES;
    const codeMasks = slat + Math.ceil((slatPages * 4) / PAGE) * PAGE;
    const end = codeMasks + Math.ceil(((buffer.byteLength / PAGE) * 8) / PAGE) * PAGE;
    this.#slat = new Int32Array(buffer, slat, slatPages);
    let next = end;
    for (const { address, bytes } of ram) {
      for (let page = address / PAGE; page < (address + bytes) / PAGE; page++, next += PAGE)
        this.#slat[page] = next | 7;
    }
    for (let page = 0; page < TABLE_PAGES; page++, next += PAGE) this.#slat[space / PAGE + page] = next | 7;
    this.#mapIdentity(space);
    prepareVpArea(buffer, AREA, ARENA_BYTES, { slat, slatPages, codeMasks, vpTable: 0, vpCount: 1, busLock: 0 });
    this.setWord(State.EFER, 0x500);
    for (let index = 0; index < 6; index++) {
      const record = State.SEGMENTS + index * State.SEGMENT_SIZE;
      this.setWord(record + State.SEG_ATTRIBUTES, index === 1 ? 0xa09b : 0xc093);
      this.setWord(record + State.SEG_LIMIT, 0xffffffff);
    }
    this.setWord(State.CR0, 0x80000033);
    this.setWord(State.CR3, space);
    this.setWord(State.CR4, 0x620);
    this.setWord(State.EXCEPTION_EXITS, 1);
    this.core.updateMode(this.state);
  }

  /** PML4, PDPT and one page directory of 2 MiB pages. */
  #mapIdentity(space: number): void {
    const entry = (table: number, index: number, value: number): void =>
      this.view.setUint32(this.host(space + table * PAGE) + index * 8, value, true);
    entry(0, 0, (space + PAGE) | 7);
    entry(1, 0, (space + 2 * PAGE) | 7);
    for (let index = 0; index < space / 0x20_0000; index++) entry(2, index, (index * 0x20_0000) | 0xe7);
  }

  /** Address in the memory of a guest address that has RAM. */
  host(address: number): number {
    return (this.#slat[Math.floor(address / PAGE)]! & ~0xfff) + (address & 0xfff);
  }

  /** Changes the rights of guest pages (bits of microkernel's `Access`). Before they are first used. */
  protect(address: number, bytes: number, access: number): void {
    for (let page = address / PAGE; page < (address + bytes) / PAGE; page++)
      this.#slat[page] = (this.#slat[page]! & ~0xfff) | access;
  }

  word(offset: number): number {
    return this.view.getUint32(AREA + offset, true);
  }

  setWord(offset: number, value: number): void {
    this.view.setUint32(AREA + offset, value >>> 0, true);
  }

  get rip(): bigint {
    return this.view.getBigUint64(AREA + State.RIP, true);
  }

  set rip(value: bigint) {
    this.view.setBigUint64(AREA + State.RIP, value, true);
  }

  /** Runs; see the exit codes in `exits.ts`. */
  run(budget: number): number {
    return this.core.run(this.state, budget);
  }
}
