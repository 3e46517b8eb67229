import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { VirtualClock } from '../virtual-clock-fixture.ts';
import { read16, read32, write16 } from '../packet/bytes.ts';
import { checksum } from '../packet/checksum.ts';
import { readArp } from './arp.ts';
import { arpRequest, ethernet, GATEWAY, GATEWAY_MAC, GUEST, GUEST_MAC, ipv4 } from './nat-fixture.ts';
import { listeningNat, NAME_SERVER, tcp, udp } from './nat-fixture.ts';

const opened: { dispose(done: () => void): void }[] = [];
const nat = (...given: Parameters<typeof listeningNat>) => {
  const made = listeningNat(...given);
  opened.push(made.port);
  return made;
};
afterEach(() => {
  for (const port of opened.splice(0)) port.dispose(() => {});
});

const NOTHING = new Uint8Array(0);

test('the gateway and the name server answer ARP, nobody else does', () => {
  const { port, frames } = nat();
  port.send(arpRequest(GATEWAY));
  port.send(arpRequest(NAME_SERVER));
  port.send(arpRequest(GUEST + 1));
  expect(frames.map((frame) => readArp(frame, 14, frame.length))).toEqual(
    [GATEWAY, NAME_SERVER].map((senderIp) => ({
      operation: 2,
      senderMac: GATEWAY_MAC,
      senderIp,
      targetMac: GUEST_MAC,
      targetIp: GUEST,
    })),
  );
});

test('the gateway answers an echo request with its data', () => {
  const { port, frames } = nat();
  const echo = Uint8Array.of(8, 0, 0, 0, 0, 7, 0, 1, 1, 2, 3, 4);
  write16(echo, 2, checksum(echo, 0, echo.length));
  port.send(ipv4(1, echo));
  const [answer] = frames;
  expect(answer!.subarray(34, 34 + 12).join()).toBe([0, 0, ...answer!.subarray(36, 38), ...echo.subarray(4)].join());
  expect(checksum(answer!, 34, 34 + 12)).toBe(0);
});

test('an echo request in fragments is answered in fragments', () => {
  const { port, frames } = nat({ mtu: 576 });
  const echo = Uint8Array.from({ length: 1408 }, (_, at) => (at < 8 ? [8, 0, 0, 0, 0, 7, 0, 1][at]! : at));
  write16(echo, 2, checksum(echo, 0, echo.length));
  const part = (start: number, end: number, more: boolean) =>
    ipv4(1, echo.slice(start, end), { fragment: (more ? 0x2000 : 0) | (start / 8) });
  port.send(part(800, 1408, false));
  port.send(part(0, 400, true));
  expect(frames).toHaveLength(0);
  port.send(part(400, 800, true));
  const data = new Uint8Array(1408);
  for (const frame of frames) {
    data.set(frame.subarray(34, 14 + read16(frame, 16)), (read16(frame, 20) & 0x1fff) * 8);
    expect(read16(frame, 16)).toBeLessThanOrEqual(576);
  }
  expect(checksum(data, 0, data.length)).toBe(0);
  expect(data.subarray(8)).toEqual(echo.subarray(8));
});

test('fragments that overlap cost the guest its packet', () => {
  const { port, frames, dropped } = nat();
  port.send(ipv4(1, new Uint8Array(16), { fragment: 0x2000 }));
  port.send(ipv4(1, new Uint8Array(16), { fragment: 1 }));
  expect(dropped()).toEqual({ fragments: 1 });
  expect(frames).toHaveLength(0);
});

test('what cannot be used is dropped and counted by its reason', () => {
  const { port, frames, dropped } = nat();
  const segment = tcp(1000, 80);
  const changed = (frame: Uint8Array, at: number, value: number) => frame.slice().fill(value, at, at + 1);
  const cases: [string, Uint8Array][] = [
    ['frame-short', new Uint8Array(13)],
    ['frame-long', new Uint8Array(9100)],
    ['not-for-us', changed(segment, 5, 0x99)],
    ['ether-type', ethernet(0x88cc, new Uint8Array(40))],
    ['vlan-tag', ethernet(0x8100, new Uint8Array(40))],
    ['arp', ethernet(0x0806, new Uint8Array(27))],
    ['ipv4-header', changed(segment, 14, 0x44)],
    ['ipv4-length', changed(segment, 16, 0xff)],
    ['ipv4-checksum', changed(segment, 22, 0x01)],
    ['ipv4-protocol', ipv4(41, new Uint8Array(20))],
    ['source-address', tcp(1000, 80, {}, { source: 0x08080808 })],
    ['source-address', tcp(1000, 80, {}, { source: GATEWAY })],
    ['destination-address', tcp(1000, 80, {}, { target: 0x7f000001 })],
    ['multicast', tcp(1000, 80, {}, { target: 0xe0000001 })],
    ['udp-header', ipv4(17, new Uint8Array(7))],
    ['udp-checksum', changed(udp(5, 53, Uint8Array.of(1)), 42, 9)],
    ['tcp-header', ipv4(6, new Uint8Array(19))],
    ['tcp-checksum', changed(segment, 38, 1)],
    ['icmp', ipv4(1, new Uint8Array(8).fill(1))],
    ['dhcp', udp(68, 67, new Uint8Array(239))],
  ];
  const counted: Record<string, number> = {};
  for (const [reason, frame] of cases) {
    port.send(frame);
    counted[reason] = (counted[reason] ?? 0) + 1;
    expect(dropped()).toEqual(counted);
  }
  expect(frames).toHaveLength(0);
});

test('a segment of no connection is answered with a reset', () => {
  const { port, frames, dropped } = nat();
  port.send(tcp(1000, 80, { flags: 16, sequence: 5, acknowledgment: 77 }));
  expect(frames[0]![47]).toBe(4);
  expect(read32(frames[0]!, 38)).toBe(77);
  port.send(tcp(1000, 80, { flags: 4 }));
  expect(frames).toHaveLength(1);
  expect(dropped()).toEqual({ 'tcp-no-connection': 2 });
});

test('a packet whose time to live ends here is reported, as routers do', () => {
  const { port, frames } = nat();
  port.send(udp(1000, 33434, NOTHING, { target: 0x08080808, timeToLive: 1 }));
  expect(frames[0]!.subarray(34, 36)).toEqual(Uint8Array.of(11, 0));
  expect(read32(frames[0]!, 26)).toBe(GATEWAY);
});

test('without access to the host, the gateway has no services', () => {
  const { port, frames } = nat({ hostAccess: false });
  port.send(tcp(1000, 80));
  expect(frames[0]![47]).toBe(0x14);
});

/** Any frame a guest could send: noise, or something valid with noise in it. */
const anyFrame = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .tuple(
      fc.oneof(
        fc.constant(arpRequest(GATEWAY)),
        fc.uint8Array({ maxLength: 400 }).map((data) => udp(68, 67, data)),
        fc.uint8Array({ maxLength: 100 }).map((data) => ipv4(1, data)),
        fc
          .record({ flags: fc.nat(63), sequence: fc.nat(), acknowledgment: fc.nat(), data: fc.uint8Array() })
          .chain((segment) => fc.nat(3).map((which) => tcp(1000 + which, 9, segment))),
        fc
          .tuple(fc.uint8Array({ maxLength: 64 }), fc.nat(0xffff), fc.nat(3))
          .map(([data, fragment, identification]) => ipv4(17, data, { fragment, identification })),
      ),
      fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 3 }),
    )
    .map(([frame, changes]) => {
      const copy = frame.slice();
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
      return copy;
    }),
);
const anyOffload = fc.option(
  fc.record({ segmentSize: fc.constantFrom(0, 1, 536, 1460, 70_000), checksumPartial: fc.boolean() }),
  { nil: undefined },
);

test('no frame makes it throw, or answer with what is no frame', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyFrame, anyOffload), { maxLength: 30 }), (sent) => {
      const { port, frames } = nat({ hostAccess: false }, new VirtualClock());
      for (const [frame, offload] of sent) port.send(frame, offload);
      for (const frame of frames) {
        expect(frame.length).toBeGreaterThanOrEqual(60);
        expect(read16(frame, 12) === 0x0806 || checksum(frame, 14, 34) === 0).toBe(true);
      }
      opened.pop()?.dispose(() => {});
    }),
    { numRuns: 300 },
  );
});

test('addresses run out before memory does: every table has an end', () => {
  const { port } = nat({ subnet: '10.0.0.0/16', hostAccess: false }, new VirtualClock());
  const discover = new Uint8Array(300);
  discover.set([1, 1, 6, 0]);
  discover.set([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255], 236);
  for (let guest = 0; guest < 3000; guest++) {
    write16(discover, 32, guest);
    const frame = udp(68, 67, discover, { source: 0, target: 0xffffffff });
    frame.fill(0xff, 0, 6);
    port.send(frame);
    port.send(udp(1, 9, NOTHING, { source: 0x0a000100 + guest, target: 0x0a000002 }));
  }
  const { leases } = port.inspect() as { leases: object };
  expect(Object.keys(leases)).toHaveLength(1024);
});
