import { Oid, RndisStatus, RndisType } from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { NetworkBench } from './network-fixture.ts';
import { EVERYTHING, oidRequest, rndisPacket, someFrame } from './rndis-fixture.ts';
import type { NetworkState } from './network-vsp.ts';

/** The same guest, with its rings as they are, at an adapter that was made from the other's state. */
function moved(bench: NetworkBench): void {
  const state = JSON.parse(JSON.stringify(bench.vsp.save())) as NetworkState;
  const next = bench.another({ port: bench.port });
  next.restore(state);
  (bench as { vsp: unknown }).vsp = next;
  const line = bench.lines[0]!;
  next.reopened(line.root);
  line.root.onPacket(
    (packet, channel) => next.packet(packet, channel),
    () => next.batchEnd(),
  );
}

test('an adapter goes on elsewhere: frames, OIDs, filter and link are as they were', () => {
  const bench = new NetworkBench();
  bench.openReady({ filter: EVERYTHING });
  const before = bench.vsp.inspect();
  moved(bench);

  expect(bench.vsp.inspect()).toEqual({ ...before, channels: expect.any(Array), statistics: expect.any(Object) });
  expect(bench.sendBySection(rndisPacket(someFrame(100)))).toBe(1);
  bench.port.deliver(someFrame(100));
  expect(bench.frames()).toHaveLength(1);
  expect(bench.queryOid(Oid.GenCurrentPacketFilter)).toMatchObject({ status: RndisStatus.Success });
  expect(bench.guestErrors).toEqual([]);
});

test('what the guest has of the receive buffer stays its own until it gives it back', () => {
  const bench = new NetworkBench();
  bench.openReady({ filter: EVERYTHING });
  bench.reading = false;
  const free = (): number => (bench.vsp.inspect()['receiveBuffer'] as { free: number }).free;
  const all = free();
  for (let i = 0; i < 10; i++) bench.port.deliver(someFrame(60, i));
  bench.settle();
  expect(free()).toBe(all - 10);

  moved(bench);
  expect(free()).toBe(all - 10);
  bench.giveBack(bench.lines[0]!.received.at(-1)!.id);
  bench.settle();

  expect(free()).toBe(all);
  expect(bench.guestErrors).toEqual([]);
});

test('answers that wait are sent by the next adapter', () => {
  const bench = new NetworkBench();
  bench.openReady();
  bench.reading = false;
  for (let i = 0; i < 530; i++) bench.control(oidRequest(RndisType.Query, Oid.GenLinkSpeed));
  const waiting = bench.vsp.inspect()['answersWaiting'] as number;
  expect(waiting).toBeGreaterThan(10);

  moved(bench);
  bench.reading = true;
  const before = bench.lines[0]!.received.length;
  for (const { id } of bench.lines[0]!.received) bench.giveBack(id);
  bench.settle();

  expect(bench.lines[0]!.received.length - before).toBe(waiting);
});
