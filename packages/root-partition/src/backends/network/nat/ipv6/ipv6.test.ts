/** The NAT's IPv6, frame by frame. Whole conversations are with Linux's own stack, in tests/network. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writeMac } from '../../packet/address.ts';
import { read16, read32, write16, write32 } from '../../packet/bytes.ts';
import { addToSum, foldSum } from '../../packet/checksum.ts';
import { formatIpv6, parseIpv6 } from '../../packet/ipv6-addresses.ts';
import { GATEWAY_MAC, GUEST_MAC, listeningNat } from '../nat-fixture.ts';

const ICMP = 58;
const TCP = 6;
const GATEWAY = 'fd52:6c:a00:200::2';
const ROUTER = 'fe80::aff:fe00:202';
const GUEST = 'fd52:6c:a00:200::99';

/** Sum of payload and pseudo-header: 0xffff when the checksum in it is right. */
function sumOf(source: Uint8Array, target: Uint8Array, protocol: number, payload: Uint8Array): number {
  const addressed = addToSum(addToSum(protocol + payload.length, source, 0, 16), target, 0, 16);
  return foldSum(addToSum(addressed, payload, 0, payload.length));
}

/** A frame of the guest. `at`: where the checksum is. */
function frame(
  protocol: number,
  payload: Uint8Array,
  { source = GUEST, target = GATEWAY, hops = 64, at = 2 } = {},
): Uint8Array {
  const bytes = new Uint8Array(54 + payload.length);
  writeMac(bytes, 0, GATEWAY_MAC);
  writeMac(bytes, 6, GUEST_MAC);
  write16(bytes, 12, 0x86dd);
  write32(bytes, 14, 0x6000_0000);
  write16(bytes, 18, payload.length);
  bytes[20] = protocol;
  bytes[21] = hops;
  const [from, to] = [parseIpv6(source)!, parseIpv6(target)!];
  bytes.set(from, 22);
  bytes.set(to, 38);
  bytes.set(payload, 54);
  write16(bytes, 54 + at, ~sumOf(from, to, protocol, bytes.subarray(54)) & 0xffff);
  return bytes;
}

const message = (type: number, rest: Uint8Array): Uint8Array => Uint8Array.of(type, 0, 0, 0, ...rest);
const discovery = (type: number, rest: Uint8Array, ends = {}): Uint8Array =>
  frame(ICMP, message(type, rest), { hops: 255, ...ends });
const solicitation = (target: string): Uint8Array => Uint8Array.of(0, 0, 0, 0, ...parseIpv6(target)!);

/** What a frame of the NAT is, once its checksum has been found right. */
function parts(bytes: Uint8Array) {
  const payload = bytes.subarray(54, 54 + read16(bytes, 18));
  expect(sumOf(bytes.subarray(22, 38), bytes.subarray(38, 54), bytes[20]!, payload)).toBe(0xffff);
  const [source, target] = [formatIpv6(bytes.subarray(22, 38)), formatIpv6(bytes.subarray(38, 54))];
  return { protocol: bytes[20], hops: bytes[21], source, target, type: payload[0], payload };
}

test('a router solicitation is answered with a prefix, an MTU and a name server', () => {
  const { port, frames } = listeningNat({ mtu: 1400 });
  port.send(discovery(133, new Uint8Array(4), { source: 'fe80::99', target: 'ff02::2' }));
  const { payload, ...rest } = parts(frames[0]!);
  expect(rest).toEqual({ protocol: ICMP, hops: 255, source: ROUTER, target: 'ff02::1', type: 134 });
  const options = new Map<number, Uint8Array>();
  for (let at = 16; at < payload.length; at += payload[at + 1]! * 8) options.set(payload[at]!, payload.subarray(at));
  expect(read32(options.get(5)!, 4)).toBe(1400);
  expect(formatIpv6(options.get(3)!.subarray(16, 32))).toBe('fd52:6c:a00:200::');
  expect([...options.get(3)!.subarray(2, 4)]).toEqual([64, 0xc0]);
  expect(formatIpv6(options.get(25)!.subarray(8, 24))).toBe('fd52:6c:a00:200::3');
  port.dispose(() => {});
});

test('who has an address of ours is answered, by whomever it is asked; a probe for one is fended off', () => {
  const { port, frames } = listeningNat();
  for (const target of [GATEWAY, ROUTER, 'fd52:6c:a00:200::3']) {
    port.send(discovery(135, solicitation(target), { source: 'fe80::99', target: 'ff02::1:ff00:2' }));
    const { payload, ...rest } = parts(frames.at(-1)!);
    expect(rest).toMatchObject({ source: target, target: 'fe80::99', type: 136, hops: 255 });
    expect(payload[4]! >>> 5).toBe(7);
  }
  port.send(discovery(135, solicitation(GATEWAY), { source: '::', target: 'ff02::1:ff00:2' }));
  expect(parts(frames.at(-1)!)).toMatchObject({ target: 'ff02::1', type: 136 });
  port.send(discovery(135, solicitation('fd52:6c:a00:200::77'), { source: 'fe80::99', target: 'ff02::1:ff00:77' }));
  expect(frames).toHaveLength(4);
  port.dispose(() => {});
});

test('discovery from beyond the link, and options without a length, count for nothing', () => {
  const { port, frames, dropped } = listeningNat();
  port.send(discovery(135, solicitation(GATEWAY), { source: 'fe80::99', hops: 64 }));
  port.send(discovery(135, Uint8Array.of(...solicitation(GATEWAY), 1, 0, 0, 0, 0, 0, 0, 0), { source: 'fe80::99' }));
  port.send(discovery(135, solicitation(GATEWAY).subarray(0, 12), { source: 'fe80::99' }));
  expect(frames).toEqual([]);
  expect(dropped()).toEqual({ 'neighbour-discovery': 3 });
  port.dispose(() => {});
});

test('the gateway answers an echo; a large answer comes in fragments that it takes as well', () => {
  const { port, frames } = listeningNat();
  const echo = frame(ICMP, message(128, Uint8Array.of(0, 7, 0, 1, 5, 6, 7)));
  port.send(echo);
  expect(parts(frames[0]!)).toMatchObject({ source: GATEWAY, target: GUEST, type: 129, hops: 64 });
  expect([...parts(frames[0]!).payload.subarray(4)]).toEqual([0, 7, 0, 1, 5, 6, 7]);

  const whole = frame(ICMP, message(128, new Uint8Array(3000).fill(9))).subarray(54);
  for (let at = 0; at < whole.length; at += 1200) {
    const part = whole.subarray(at, at + 1200);
    const header = Uint8Array.of(ICMP, 0, 0, 0, 0, 0, 0, 42);
    write16(header, 2, at | (at + 1200 < whole.length ? 1 : 0));
    const bytes = frame(44, Uint8Array.of(...header, ...part));
    // A fragment has no checksum of its own.
    bytes.set(header, 54);
    port.send(bytes);
  }
  const answers = frames.slice(1);
  expect(answers.map((bytes) => [bytes[20], bytes.length <= 1514])).toEqual([
    [44, true],
    [44, true],
    [44, true],
  ]);
  const data = answers.flatMap((bytes) => [...bytes.subarray(62, 54 + read16(bytes, 18))]);
  expect(data.length).toBe(whole.length);
  expect([data[0], new Set(data.slice(8))]).toEqual([129, new Set([9])]);
  port.dispose(() => {});
});

test('a segment without a connection is reset; hops that are over, and addresses that are nobody’s, are told or dropped', () => {
  const { port, frames, dropped } = listeningNat();
  const segment = new Uint8Array(20);
  write16(segment, 0, 4000);
  write16(segment, 2, 80);
  write32(segment, 12, 0x5010_ffff);
  port.send(frame(TCP, segment, { at: 16 }));
  expect(parts(frames[0]!)).toMatchObject({ protocol: TCP, source: GATEWAY, target: GUEST });
  expect(parts(frames[0]!).payload[13]).toBe(4);

  port.send(frame(TCP, segment, { at: 16, target: '2001:db8::1', hops: 1 }));
  expect(parts(frames[1]!)).toMatchObject({ source: GATEWAY, type: 3 });
  for (const target of ['::1', '::ffff:127.0.0.1', 'fe80::77', 'fec0::1', 'fd52:6c:a00:200::77']) {
    port.send(frame(TCP, segment, { at: 16, target }));
  }
  for (const source of ['2001:db8::1', '::1', GATEWAY]) port.send(frame(TCP, segment, { at: 16, source }));
  expect(frames).toHaveLength(2);
  expect(dropped()).toMatchObject({ 'destination-address': 5, 'source-address': 3 });
  port.dispose(() => {});
});

test('no frame, whatever is in it, does harm', () => {
  const { port } = listeningNat();
  const good = [
    discovery(133, new Uint8Array(4), { source: 'fe80::99', target: 'ff02::2' }),
    discovery(135, solicitation(GATEWAY), { source: 'fe80::99' }),
    frame(ICMP, message(128, Uint8Array.of(0, 7, 0, 1))),
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...good),
      fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 6 }),
      fc.nat(130),
      fc.boolean(),
      (frameOfOne, changes, length, uncut) => {
        const bytes = new Uint8Array(Math.max(length, 14));
        bytes.set(frameOfOne.subarray(0, bytes.length));
        // Neither out to the world, nor to a service of this host.
        for (const [at, value] of changes)
          if (at >= 18 && at !== 20 && at < bytes.length && (at < 38 || at > 54)) bytes[at] = value;
        return port.send(bytes, uncut ? { segmentSize: 1000, checksumPartial: true } : undefined);
      },
    ),
  );
  expect(port.inspect()).toMatchObject({ tcp: { count: 0 } });
  port.dispose(() => {});
});
