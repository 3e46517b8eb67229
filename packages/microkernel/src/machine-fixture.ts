/** What the tests of this package build on: a root and one child on a node of 4 MiB, each with VP 0, under a clock that tests move. */
import { Access } from './memory/slat.ts';
import { PAGE_SIZE, type MemoryNode } from './memory/node.ts';
import { Microkernel } from './microkernel.ts';
import { CHILD_PRIVILEGES, ROOT_PRIVILEGES } from './partition/privileges.ts';
import type { Outside } from './core.ts';
import type { MicrokernelLimits } from './state/layout.ts';
import type { Vp } from './vp/vp.ts';

/** Guest pages of the partitions here. Page n of the child lies on a system page of its own. */
export const GPA_PAGES = 64;

export interface TestMachine {
  readonly kernel: Microkernel;
  readonly state: SharedArrayBuffer;
  readonly clock: { time: number; now(): number };
  readonly node: MemoryNode;
  readonly root: number;
  readonly child: number;
  readonly rootVp: Vp;
  readonly childVp: Vp;
}

/** Builds the machine. All but the child's page 63 is mapped, with all rights. */
export function machine(
  limits: Partial<MicrokernelLimits> = {},
  privileges = CHILD_PRIVILEGES,
  outside: Outside = {},
): TestMachine {
  const state = Microkernel.createState({ partitions: 16, vpsPerPartition: 4, vps: 32, nodes: 4, ...limits });
  const clock = { time: 5_000, now: () => clock.time };
  const kernel = new Microkernel({ state, clock, ...outside });
  const node = kernel.attachNode({ id: 0, buffer: new SharedArrayBuffer(1024 * PAGE_SIZE) });
  const [root, child] = [ROOT_PRIVILEGES, privileges].map((mask) => {
    const id = kernel.createPartition({ node: 0, gpaPages: GPA_PAGES, privileges: mask });
    kernel.initializePartition(id);
    kernel.mapGpaPages(id, 0, kernel.allocatePages(0, GPA_PAGES - 1), GPA_PAGES - 1, Access.All);
    kernel.createVp(id, 0);
    return id;
  }) as [number, number];
  return { kernel, state, clock, node, root, child, rootVp: kernel.vp(root, 0), childVp: kernel.vp(child, 0) };
}
