import { expect, test } from 'vitest';
import { rawCall, slowCall, words64 } from './hypercall/call-fixture.ts';
import { controlWord } from './hypercall/control.ts';
import { hypercalls } from './hypercall/table.ts';
import { machine } from './machine-fixture.ts';
import { HvStatus } from './status.ts';

const VP_INDEX = 0x4000_0002;
const SCONTROL = 0x4000_0080;
const FAST_SIGNAL = controlWord(0x5d, { fast: true });

test('hypercalls and MSRs are counted by name, for each VP, and a new VP starts from nothing', () => {
  const { kernel, child, childVp } = machine();
  kernel.createVp(child, 1);
  rawCall(childVp, FAST_SIGNAL, 77n);
  rawCall(childVp, FAST_SIGNAL, 77n);
  slowCall(childVp, 0x5c, words64(1n, 1n));
  // Nothing has this code.
  expect(rawCall(childVp, 0xfffn).status).toBe(HvStatus.InvalidHypercallCode);
  childVp.readMsr(VP_INDEX);
  childVp.writeMsr(SCONTROL, 1n);
  childVp.writeMsr(SCONTROL, 0n);
  childVp.readMsr(SCONTROL);
  // This one faults: it is not there.
  childVp.readMsr(0xdead);

  expect(kernel.inspectVp(child, 0)).toMatchObject({
    intercepts: {
      hypercalls: { HvCallSignalEvent: 2, HvCallPostMessage: 1 },
      msrs: { HV_X64_MSR_VP_INDEX: { reads: 1 }, HV_X64_MSR_SCONTROL: { reads: 1, writes: 2 } },
    },
  });
  expect(kernel.inspectPartition(child)).toMatchObject({ hypercalls: 4, refusedHypercalls: 4, msrFaults: 1 });
  expect(kernel.inspectVp(child, 1)).toMatchObject({ intercepts: { hypercalls: {}, msrs: {} } });

  kernel.deleteVp(child, 0);
  kernel.createVp(child, 0);
  expect(kernel.inspectVp(child, 0)).toMatchObject({ intercepts: { hypercalls: {}, msrs: {} } });
});

test('every hypercall has a counter of its own', () => {
  const counters = [...hypercalls.values()].map(({ counter }) => counter);
  expect(new Set(counters).size).toBe(counters.length);
});

test('of a partition the pages are counted that it has, and with what rights', () => {
  const { kernel, child } = machine();
  const freePages = kernel.freePageCount(0);
  expect(kernel.inspectPartition(child)).toMatchObject({ memory: { freePages, mappedPages: 63, rights: { rwx: 63 } } });
  kernel.unmapGpaPages(child, 10, 3);
  expect(kernel.inspectPartition(child)).toMatchObject({ memory: { mappedPages: 60, rights: { rwx: 60 } } });
});

test('event flags are shown on their way and in the page, a message in its slot, and looking moves nothing', () => {
  const { kernel, root, child, childVp } = machine();
  kernel.createPort(child, 5, { kind: 'event', sint: 2, vp: 0, flag: 40, flagCount: 2 });
  kernel.createPort(child, 6, { kind: 'message', sint: 2, vp: 0 });
  kernel.connectPort(root, 9, child, 5);
  kernel.connectPort(root, 10, child, 6);
  childVp.writeMsr(SCONTROL, 1n);
  childVp.writeMsr(0x4000_0082, 0x3001n);
  childVp.writeMsr(0x4000_0083, 0x4001n);
  childVp.writeMsr(0x4000_0092, 0x33n);
  const sint = (): unknown => {
    const { synic } = kernel.inspectVp(child, 0) as { synic: { sints: Record<number, unknown> } };
    return synic.sints[2];
  };

  kernel.signalEvent(root, 9, 1);
  kernel.postMessage(root, 10, 1, new Uint8Array(4));
  expect(sint()).toMatchObject({ pendingFlags: [41], eventFlags: [], messageInSlot: '0x0', queued: 1 });
  expect(sint()).toMatchObject({ pendingFlags: [41], eventFlags: [], messageInSlot: '0x0', queued: 1 });
  childVp.settle();
  expect(sint()).toMatchObject({ pendingFlags: [], eventFlags: [41], messageInSlot: '0x1', queued: 0 });
});

test('what does not exist is empty', () => {
  const { kernel, child } = machine();
  expect(kernel.inspectPartition(99)).toEqual({});
  expect(kernel.inspectVp(child, 3)).toEqual({});
  expect(kernel.inspectTables()).toMatchObject({ partitionsInUse: 2, vpsInUse: 2, limits: { partitions: 16 } });
});
