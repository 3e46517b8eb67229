import { RssHashType } from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { unfinishedFrame } from '../../backends/network/frame-fixture.ts';
import { ReceiveScaling } from './receive-scaling.ts';

/** Key and vectors of Microsoft's "Verifying the RSS Hash Calculation". */
const KEY = Uint8Array.from(
  Buffer.from('6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa', 'hex'),
);
const ADDRESSES = RssHashType.Ipv4 | RssHashType.Ipv6;
const PORTS = ADDRESSES | RssHashType.TcpIpv4 | RssHashType.TcpIpv6;

const vectors = [
  { from: [66, 9, 149, 187], port: 2794, to: [161, 142, 100, 80], toPort: 1766, plain: 0x323e8fc2, tcp: 0x51ccc178 },
  { from: [199, 92, 111, 2], port: 14230, to: [65, 69, 140, 83], toPort: 4739, plain: 0xd718262a, tcp: 0xc626b0ea },
  { from: [24, 19, 198, 95], port: 12898, to: [12, 22, 207, 184], toPort: 38024, plain: 0xd2d0a5de, tcp: 0x5c2b394a },
  {
    from: [0x3f, 0xfe, 0x25, 1, 2, 0, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 7],
    port: 2794,
    to: [0x3f, 0xfe, 0x25, 1, 2, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1],
    toPort: 1766,
    plain: 0x2cc18cd5,
    tcp: 0x40207d3d,
  },
];

const scaling = (hashTypes: number): ReceiveScaling => {
  const made = new ReceiveScaling();
  made.setKey(KEY);
  made.hashTypes = hashTypes;
  return made;
};

const frameOf = ({ from, to, port, toPort }: (typeof vectors)[number], protocol: 'tcp' | 'udp' = 'tcp'): Uint8Array => {
  const version = from.length === 4 ? 4 : 6;
  const payload = new Uint8Array(4);
  const frame = unfinishedFrame({ version, protocol, payload, sourcePort: port, destinationPort: toPort });
  frame.set([...from, ...to], version === 4 ? 26 : 22);
  return frame;
};

test.each(vectors)('the hash is Microsoft’s: $plain and $tcp', (vector) => {
  const hashOf = (types: number, frame: Uint8Array): number => {
    const made = scaling(types);
    made.queueOf(frame);
    return made.hash;
  };
  expect(hashOf(ADDRESSES, frameOf(vector))).toBe(vector.plain);
  expect(hashOf(PORTS, frameOf(vector))).toBe(vector.tcp);
  expect(hashOf(PORTS, frameOf(vector, 'udp'))).toBe(vector.plain);
});

test('what is not IP, or of a kind that is not hashed, goes to the first queue', () => {
  const made = scaling(RssHashType.Ipv6);
  made.setTable(Uint8Array.of(3));

  expect(made.queueOf(new Uint8Array(60))).toBe(0);
  expect(made.queueOf(frameOf(vectors[0]!))).toBe(0);
  expect(made.hash).toBe(0);
  expect(made.queueOf(frameOf(vectors[3]!))).toBe(3);
});

test('saved and restored, it hashes as before', () => {
  const made = scaling(PORTS);
  made.setTable(Uint8Array.of(0, 1, 2, 3));
  const again = new ReceiveScaling();
  again.restore(JSON.parse(JSON.stringify(made.save())) as ReturnType<ReceiveScaling['save']>);

  expect(vectors.map((vector) => again.queueOf(frameOf(vector)))).toEqual(
    vectors.map((vector) => made.queueOf(frameOf(vector))),
  );
});
