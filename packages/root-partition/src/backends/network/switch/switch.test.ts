import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writeMac } from '../packet/address.ts';
import { write16 } from '../packet/bytes.ts';
import { VirtualClock } from '../virtual-clock-fixture.ts';
import type { MembershipDescription } from './membership.ts';
import { Switch, type SwitchPort } from './switch.ts';

const A = 0x02_00_00_00_00_0a;
const B = 0x02_00_00_00_00_0b;
const C = 0x02_00_00_00_00_0c;
const EVERYBODY = 0xffff_ffff_ffff;

/** A frame of 64 bytes, with a tag if given, and a last byte to know it by. */
function frame(to: number, from: number, { tag, mark = 0 }: { tag?: number; mark?: number } = {}): Uint8Array {
  const bytes = new Uint8Array(tag === undefined ? 64 : 68);
  writeMac(bytes, 0, to);
  writeMac(bytes, 6, from);
  if (tag !== undefined) {
    write16(bytes, 12, 0x8100);
    write16(bytes, 14, tag);
  }
  write16(bytes, bytes.length - 52, 0x0800);
  bytes[bytes.length - 1] = mark;
  return bytes;
}

function plugged(ports: Record<string, MembershipDescription>) {
  const clock = new VirtualClock();
  const fabric = new Switch(clock);
  const received: Record<string, Uint8Array[]> = {};
  const made: Record<string, SwitchPort> = {};
  for (const [name, membership] of Object.entries(ports)) {
    received[name] = [];
    const deliver = (bytes: Uint8Array) => received[name]!.push(bytes.slice()) > 0;
    made[name] = fabric.attach({ name, ...membership, deliver })!;
  }
  /** Who received something since the last question. */
  const who = () => {
    const names = Object.keys(received).filter((name) => received[name]!.length > 0);
    for (const name of names) received[name] = [];
    return names;
  };
  return { clock, fabric, ports: made, received, who };
}

test('a frame goes everywhere until its destination has spoken, then only there', () => {
  const { ports, who } = plugged({ a: {}, b: {}, c: {} });
  ports['a']!.receive(frame(B, A));
  expect(who()).toEqual(['b', 'c']);
  ports['b']!.receive(frame(A, B));
  expect(who()).toEqual(['a']);
  ports['a']!.receive(frame(B, A));
  expect(who()).toEqual(['b']);
  ports['a']!.receive(frame(EVERYBODY, A));
  expect(who()).toEqual(['b', 'c']);
});

test('an address that moves is found at its new port, one that is silent or unplugged is forgotten', () => {
  const { ports, who, clock } = plugged({ a: {}, b: {}, c: {} });
  ports['b']!.receive(frame(A, B));
  ports['c']!.receive(frame(A, B));
  who();
  ports['a']!.receive(frame(B, A));
  expect(who()).toEqual(['c']);
  clock.run(301_000);
  ports['a']!.receive(frame(B, A));
  expect(who()).toEqual(['b', 'c']);
  ports['c']!.receive(frame(A, C));
  ports['c']!.detach();
  who();
  ports['a']!.receive(frame(C, A));
  expect(who()).toEqual(['b']);
});

test('VLANs do not meet, and one address can be in several of them', () => {
  const { ports, who } = plugged({ a: { vlan: 10 }, b: { vlan: 10 }, c: { vlan: 20 }, d: { vlan: 20 } });
  ports['a']!.receive(frame(EVERYBODY, A));
  expect(who()).toEqual(['b']);
  ports['c']!.receive(frame(EVERYBODY, A));
  expect(who()).toEqual(['d']);
  ports['b']!.receive(frame(A, B));
  expect(who()).toEqual(['a']);
  ports['d']!.receive(frame(A, B));
  expect(who()).toEqual(['c']);
});

test('a trunk has tags, an access port has none, and the priority in a tag stays', () => {
  const { ports, received } = plugged({ trunk: { trunk: [10, 20] }, other: { trunk: [10] }, ten: { vlan: 10 } });
  ports['ten']!.receive(frame(EVERYBODY, A, { mark: 1 }));
  expect(received['trunk']).toEqual([frame(EVERYBODY, A, { tag: 10, mark: 1 })]);
  ports['trunk']!.receive(frame(EVERYBODY, B, { tag: 0xa00a, mark: 2 }));
  expect(received['ten']).toEqual([frame(EVERYBODY, B, { mark: 2 })]);
  expect(received['other']!.at(-1)).toEqual(frame(EVERYBODY, B, { tag: 0xa00a, mark: 2 }));
  // Not of that trunk, and a tag where none belongs.
  ports['other']!.receive(frame(EVERYBODY, C, { tag: 20 }));
  ports['ten']!.receive(frame(EVERYBODY, C, { tag: 20 }));
  expect([ports['other']!.counts.dropped, ports['ten']!.counts.dropped]).toEqual([1, 1]);
  // A tag of VLAN 0 is a priority only.
  ports['trunk']!.receive(frame(EVERYBODY, B, { tag: 0xe000, mark: 3 }));
  expect(received['other']!.at(-1)).toEqual(frame(EVERYBODY, B, { mark: 3 }));
});

test('isolated ports reach the way out, and not each other', () => {
  const { ports, who } = plugged({ out: {}, a: { isolated: true }, b: { isolated: true } });
  ports['a']!.receive(frame(EVERYBODY, A));
  expect(who()).toEqual(['out']);
  ports['out']!.receive(frame(EVERYBODY, C));
  expect(who()).toEqual(['a', 'b']);
  ports['b']!.receive(frame(A, B));
  expect(who()).toEqual([]);
});

test('a guest that invents addresses fills the table to its bound, and others are still served', () => {
  const { ports, who, fabric } = plugged({ a: {}, b: {}, c: {} });
  ports['b']!.receive(frame(A, B));
  for (let invented = 0; invented < 20_000; invented++) ports['a']!.receive(frame(B, 0x0600_0000_0000 + invented));
  who();
  expect(fabric.inspect()['addresses']).toHaveLength(256);
  ports['c']!.receive(frame(B, C));
  expect(who()).toEqual(['b']);
});

test('no frame is delivered to the port that it came from, or out of its VLAN, whatever it holds', () => {
  const membership = fc.record({
    vlan: fc.integer({ min: 1, max: 3 }),
    trunk: fc.subarray([1, 2, 3]),
    isolated: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(membership, { minLength: 2, maxLength: 5 }),
      fc.array(fc.tuple(fc.nat(4), fc.uint8Array({ maxLength: 80 })), { maxLength: 20 }),
      (members, sent) => {
        const { ports, received, who } = plugged(Object.fromEntries(members.map((member, at) => [String(at), member])));
        for (const [at, bytes] of sent) {
          const from = String(at % members.length);
          if (bytes.length > 15) bytes[6]! &= 0xfe;
          who();
          ports[from]!.receive(bytes);
          expect(received[from]).toEqual([]);
          for (const [to, frames] of Object.entries(received)) {
            const shared = members[Number(to)]!;
            const mine = members[Number(from)]!;
            const vlans = (member: typeof mine) => new Set([member.vlan, ...member.trunk]);
            const meet = [...vlans(shared)].some((vlan) => vlans(mine).has(vlan));
            expect(frames.length === 0 || (meet && !(shared.isolated && mine.isolated))).toBe(true);
          }
        }
      },
    ),
  );
});
