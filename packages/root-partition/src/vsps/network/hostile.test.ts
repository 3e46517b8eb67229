import fc from 'fast-check';
import { Access } from '@ringlet/microkernel';
import { NvspRndisPacket, NvspStatus, NvspType, PacketInfo, RndisType } from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { DATA_PAGE, NetworkBench, RECEIVE_PAGE } from './network-fixture.ts';
import { EVERYTHING, oidRequest, rndisPacket, someFrame } from './rndis-fixture.ts';

const word = fc.oneof(fc.nat(64), fc.constantFrom(0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 4096), fc.nat(0xffff_ffff));

/** A good message with some of its words changed, and its end cut off. */
const damaged = (message: Uint8Array) =>
  fc
    .tuple(fc.array(fc.tuple(fc.nat(message.length / 4 - 1), word), { maxLength: 4 }), fc.nat(message.length))
    .map(([changes, cut]) => {
      const copy = message.slice();
      for (const [at, value] of changes) new DataView(copy.buffer).setUint32(4 * at, value, true);
      return cut < 8 ? copy.subarray(0, copy.length - cut) : copy;
    });

const frames = damaged(
  rndisPacket(someFrame(64), [
    [PacketInfo.Checksum, 5],
    [PacketInfo.LargeSend, 1460],
    [PacketInfo.Ieee8021q, 9],
  ]),
);
const controls = fc
  .constantFrom(0x0101_0103, 0xfc01_020c, 0xfc01_020d, 0x0001_0204, 0x0001_0203, 0x0001_021b, 0x0001_010e)
  .chain((oid) =>
    fc.constantFrom(RndisType.Query, RndisType.Set).chain((type) => damaged(oidRequest(type, oid, new Uint8Array(96)))),
  );
const negotiations = fc
  .tuple(fc.constantFrom(...Object.values(NvspType)), fc.array(word, { minLength: 9, maxLength: 9 }))
  .map(([type, words]) => new Uint8Array(Uint32Array.of(type, ...words).buffer));

const step = fc.oneof(
  frames.map((data) => ({ kind: 'frame' as const, data })),
  controls.map((data) => ({ kind: 'control' as const, data })),
  negotiations.map((data) => ({ kind: 'nvsp' as const, data })),
  fc.nat(0xffff).map((id) => ({ kind: 'complete' as const, id })),
  fc.nat(3000).map((length) => ({ kind: 'receive' as const, length })),
  fc.boolean().map((up) => ({ kind: 'link' as const, up })),
  fc.boolean().map((reading) => ({ kind: 'reading' as const, reading })),
);

test('whatever a guest says, nothing throws, each message is answered, and the buffers are let go at the end', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const bench = new NetworkBench({ maxSubchannels: 2 });
      const line = bench.openReady({ filter: EVERYTHING });
      const statuses: number[] = [];
      for (const each of steps) {
        if (each.kind === 'frame')
          statuses.push(bench.sendDirect(each.data.length === 0 ? new Uint8Array(1) : each.data));
        else if (each.kind === 'control') statuses.push(bench.sendDirect(each.data, { channel: 1 }));
        else if (each.kind === 'nvsp') statuses.push(bench.request(each.data).length);
        else if (each.kind === 'complete') bench.giveBack(each.id);
        else if (each.kind === 'receive') bench.port.deliver(new Uint8Array(each.length).fill(0x45));
        else if (each.kind === 'link') bench.port.setLink(each.up);
        else bench.reading = each.reading;
        bench.settle();
      }
      expect(statuses.every((status) => status >= 0)).toBe(true);
      expect(line.root.state).toBe('open');
      bench.vsp.inspect();
      JSON.stringify(bench.vsp.save());
      bench.vsp.closed(line.root, () => {});
      expect([...bench.held.values()].every((count) => count === 0)).toBe(true);
    }),
    { numRuns: 150 },
  );
}, 120_000);

test('pages that are taken away under its buffers cost the guest its own frames only', () => {
  const bench = new NetworkBench();
  bench.openReady({ filter: EVERYTHING });
  bench.slat.unmapRun(RECEIVE_PAGE, DATA_PAGE - RECEIVE_PAGE);

  expect(bench.port.deliver(someFrame(60))).toBe(false);
  expect(bench.request(sectionMessage())[4]).toBe(NvspStatus.InvalidRndisPacket);
  expect(bench.sendDirect(rndisPacket(someFrame(60)))).toBe(NvspStatus.Success);
  bench.slat.mapRun(RECEIVE_PAGE, RECEIVE_PAGE, DATA_PAGE - RECEIVE_PAGE, Access.ReadWrite);

  expect(bench.port.deliver(someFrame(60))).toBe(true);
  expect(bench.frames()).toHaveLength(1);
});

/** A frame that lies in the first section of the send buffer. */
const sectionMessage = (): Uint8Array =>
  NvspRndisPacket.encode({ type: NvspType.SendRndisPacket, channel: 0, section: 0, sectionSize: 104 });
