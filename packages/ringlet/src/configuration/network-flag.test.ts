import { expect, test } from 'vitest';
import { parseForward } from './forward-flag.ts';
import { withForwards, withPaths } from './network-fields.ts';
import { parseNetworkFlag } from './network-flag.ts';

const refused = (text: string): string => {
  try {
    parseNetworkFlag(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
};

test('every kind, with what belongs to it', () => {
  expect(parseNetworkFlag('none')).toEqual({ kind: 'none' });
  expect(parseNetworkFlag('nat')).toEqual({ kind: 'nat' });
  expect(
    parseNetworkFlag(
      'nat,mac=02:52:6c:00:00:07,mtu=9000,forward=2222:22,forward=udp:0.0.0.0:53:10.0.2.16:5353,no-host',
    ),
  ).toEqual({
    kind: 'nat',
    mac: '02:52:6c:00:00:07',
    mtu: 9000,
    forwards: [
      { hostPort: 2222, guestPort: 22 },
      { protocol: 'udp', hostIp: '0.0.0.0', hostPort: 53, guestIp: '10.0.2.16', guestPort: 5353 },
    ],
    hostAccess: false,
  });
  expect(parseNetworkFlag('switch=/run/lan.switch,vlan=5,trunk=10+20,isolated')).toEqual({
    kind: 'switch',
    path: '/run/lan.switch',
    vlan: 5,
    trunk: [10, 20],
    isolated: true,
  });
  expect(parseNetworkFlag('switch=lan')).toMatchObject({
    kind: 'switch',
    path: expect.stringMatching(/\/lan\.switch$/),
  });
  expect(parseNetworkFlag('stream=/tmp/a,,b')).toEqual({ kind: 'stream', path: '/tmp/a,b' });
  expect(parseNetworkFlag('tap=tap0')).toEqual({ kind: 'tap', name: 'tap0' });
  expect(parseNetworkFlag('passt,forward=8080:80')).toMatchObject({ kind: 'passt' });
});

test('what may lie between', () => {
  expect(parseNetworkFlag('nat,bandwidth=100M,capture=all.pcapng,loss=2.5%,delay=10,seed=3')).toEqual({
    kind: 'nat',
    bandwidth: 100_000_000,
    capture: 'all.pcapng',
    faults: { loss: 0.025, delay: 10, seed: 3 },
  });
});

test.each([
  ['nut', 'did you mean "nat"?'],
  ['', 'is no network'],
  ['switch', 'switch=NAME'],
  ['tap', 'tap=INTERFACE'],
  ['nat=3', '"to" is not something the network nat has'],
  ['nat,vlan=3', '"vlan" is not something the network nat has'],
  ['nat,forwad=1:2', 'did you mean "forward"?'],
  ['nat,mtu', '"mtu" needs a value'],
  ['nat,mtu=big', '"mtu" takes a whole number'],
  ['nat,no-host=yes', '"no-host" takes no value'],
  ['nat,forward=22', '"22" is not two ports'],
  ['nat,loss=5', '"loss" takes a percentage'],
  ['nat,loss=500%', '"loss" takes a percentage'],
  ['nat,bandwidth=fast', '"fast" is no bandwidth'],
  ['switch=lan,trunk=1-3', '"trunk" takes VLANs'],
])('%s is refused: %s', (text, why) => {
  expect(refused(text)).toContain(why);
});

test('a rule for a port names two of them, and what else it may', () => {
  expect(parseForward('tcp:127.0.0.1:2222:22')).toEqual({
    protocol: 'tcp',
    hostIp: '127.0.0.1',
    hostPort: 2222,
    guestPort: 22,
  });
  expect(parseForward('sctp:1:2')).toContain('is not two ports');
});

test('--forward goes to the first network that forwards, and makes one when there is none', () => {
  expect(withForwards([], ['1:2'])).toEqual([{ kind: 'nat', forwards: [{ hostPort: 1, guestPort: 2 }] }]);
  expect(withForwards([{ kind: 'none' }, { kind: 'passt', forwards: [] }], ['1:2'])).toEqual([
    { kind: 'none' },
    { kind: 'passt', forwards: [{ hostPort: 1, guestPort: 2 }] },
  ]);
  expect(() => withForwards([{ kind: 'none' }], ['1:2'])).toThrow('--forward needs a network');
  expect(() => withForwards([], ['ssh'])).toThrow('"ssh" is not two ports');
});

test('files are found from where they were named', () => {
  expect(withPaths({ kind: 'stream', path: 'a.sock', capture: 'b.pcapng' }, '/there')).toEqual({
    kind: 'stream',
    path: '/there/a.sock',
    capture: '/there/b.pcapng',
  });
});
