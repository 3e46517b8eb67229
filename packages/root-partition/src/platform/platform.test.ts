import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PORT_BUS_WORDS, PortBus, type PortDevice } from './port-bus.ts';
import { testPlatform, type TestPlatform } from './platform-fixture.ts';
import { Port, RESET_VALUE, SLEEP_TYPE_S5 } from './ports.ts';

const out = ({ platform }: TestPlatform, port: number, value: number, width: 1 | 2 | 4 = 1): void =>
  platform.ports.write(port, value, width);
const inp = ({ platform }: TestPlatform, port: number, width: 1 | 2 | 4 = 1): number =>
  platform.ports.read(port, width);

/** A device at ports 0x10-0x13 that notes what it is asked. */
function noting(wide: boolean): PortDevice & { readonly log: string[] } {
  const log: string[] = [];
  return {
    name: 'noting',
    ports: [[0x10, 4]],
    wide,
    log,
    read: (port, width) => {
      log.push(`in ${port} ${width}`);
      return wide ? 0xaabb_ccdd : port;
    },
    write: (port, value, width) => void log.push(`out ${port} ${value.toString(16)} ${width}`),
  };
}
const bus = (...devices: PortDevice[]): PortBus => new PortBus(new Int32Array(PORT_BUS_WORDS), devices);

describe('the bus', () => {
  test('a port that nobody has reads all ones of the access’s width', () => {
    const it = bus();

    expect([1, 2, 4].map((width) => it.read(0x300, width as 1))).toEqual([0xff, 0xffff, 0xffff_ffff]);
  });

  test('accesses to ports that nobody has are counted, by port as far as there is room', () => {
    const it = bus();
    it.read(0x300, 1);
    it.write(0x300, 0, 4);
    for (let port = 0x400; port < 0x440; port++) it.write(port, 0, 1);

    const { unclaimedReads, unclaimedWrites, unclaimedPorts } = it.inspect() as Record<string, object>;
    expect([unclaimedReads, unclaimedWrites]).toEqual([1, 65]);
    expect(unclaimedPorts).toMatchObject({ '0x300': 2, '0x400': 1 });
    expect(Object.keys(unclaimedPorts!)).toHaveLength(16);
  });

  test('a wide access becomes one for each byte, lowest port first', () => {
    const device = noting(false);
    const it = bus(device);

    expect(it.read(0x10, 4)).toBe(0x13121110);
    it.write(0x12, 0xbeef, 2);

    expect(device.log).toEqual(['in 16 1', 'in 17 1', 'in 18 1', 'in 19 1', 'out 18 ef 1', 'out 19 be 1']);
  });

  test('a wide access that reaches beyond a device, or into one, goes to each its own', () => {
    const device = noting(false);
    const it = bus(device);

    expect(it.read(0x12, 4)).toBe(0xffff_1312);
    expect(it.read(0x0f, 2)).toBe(0x10ff);
    expect(it.read(0xffff, 2)).toBe(0xffff);
  });

  test('a wide device gets what there is, cut to the width', () => {
    const device = noting(true);
    const it = bus(device);

    expect([1, 2, 4].map((width) => it.read(0x10, width as 1))).toEqual([0xdd, 0xccdd, 0xaabb_ccdd]);
    it.write(0x10, -1, 4);
    it.write(0x10, -1, 2);
    it.write(0x10, 0x1234, 1);

    expect(device.log.slice(3)).toEqual(['out 16 ffffffff 4', 'out 16 ffff 2', 'out 16 34 1']);
  });

  test('two devices cannot have the same port', () => {
    expect(() => bus(noting(false), noting(true))).toThrow('port 0x10 has one device');
  });

  test('no access of a guest throws, whatever it is', () => {
    const it = testPlatform();
    const access = fc.tuple(
      fc.boolean(),
      fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(...Object.values(Port))),
      fc.constantFrom(1 as const, 2 as const, 4 as const),
      fc.integer({ min: 0, max: 0xffff_ffff }),
    );

    fc.assert(
      fc.property(access, ([write, port, width, value]) => {
        it.time.clock += 3;
        if (write) return out(it, port, value, width);
        const read = inp(it, port, width);
        expect(Number.isInteger(read) && read >= 0 && read < 2 ** (8 * width)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  test('reading and writing ports allocates nothing', () => {
    const it = testPlatform();
    const run = (): void => {
      inp(it, Port.Com1 + 5);
      out(it, Port.PostCode, 0);
      inp(it, Port.PciData, 2);
      inp(it, 0x300);
    };
    for (let n = 0; n < 30_000; n++) run();
    const samples = [0, 1, 2].map(() => {
      const before = process.memoryUsage().heapUsed;
      for (let n = 0; n < 60_000; n++) run();
      return Math.abs(process.memoryUsage().heapUsed - before) / 60_000;
    });

    expect(Math.min(...samples)).toBeLessThan(1);
  });
});

describe('ends of a machine', () => {
  test.each<[string, (it: TestPlatform) => void, string[]]>([
    ['sleep control, S5', (it) => out(it, Port.SleepControl, (SLEEP_TYPE_S5 << 2) | 0x20), ['power-off']],
    ['sleep control, S5 without enable', (it) => out(it, Port.SleepControl, SLEEP_TYPE_S5 << 2), []],
    ['sleep control, another state', (it) => out(it, Port.SleepControl, (3 << 2) | 0x20), []],
    ['sleep status', (it) => out(it, Port.SleepStatus, 0xff), []],
    ['reset register', (it) => out(it, Port.Reset, RESET_VALUE), ['reset']],
    ['reset register, another value', (it) => out(it, Port.Reset, 0), []],
    ['0xCF9, as Linux writes it', (it) => [0x02, 0x06].forEach((value) => out(it, 0xcf9, value)), ['reset']],
    ['0xCF9, once for one rise', (it) => [0x06, 0x06].forEach((value) => out(it, 0xcf9, value)), ['reset']],
    ['0xCF9 without the reset bit', (it) => out(it, 0xcf9, 0x0a), []],
    ['PCI address register, whole', (it) => out(it, 0xcf8, 0xffff_ffff, 4), []],
    ['0x92', (it) => out(it, 0x92, 0x01), ['reset']],
    ['0x92, address line 20 alone', (it) => out(it, 0x92, 0x02), []],
    ['keyboard controller, pulse', (it) => out(it, 0x64, 0xfe), ['reset']],
    ['keyboard controller, pulse of nothing', (it) => out(it, 0x64, 0xff), []],
    [
      'keyboard controller, output lines',
      (it) => [0x64, 0x60].forEach((port, n) => out(it, port, [0xd1, 0xfe][n]!)),
      ['reset'],
    ],
    [
      'keyboard controller, address line 20',
      (it) => [0x64, 0x60].forEach((port, n) => out(it, port, [0xd1, 0xdf][n]!)),
      [],
    ],
    ['keyboard controller, data without command', (it) => out(it, 0x60, 0xfe), []],
    ['exit port, success', (it) => out(it, Port.Exit, 0), ['exit 0']],
    ['exit port, a code', (it) => out(it, Port.Exit, 42), ['exit 42']],
    ['exit port, four bytes', (it) => out(it, Port.Exit, 0x1_0007, 4), ['exit 7']],
  ])('%s', (_, act, expected) => {
    const it = testPlatform();

    act(it);

    expect(it.events).toEqual(expected);
  });

  test('after a reset, a rise of a reset bit counts anew', () => {
    const it = testPlatform();
    for (let n = 0; n < 2; n++) {
      out(it, 0xcf9, 0x06);
      it.platform.reset();
    }

    expect(it.events).toEqual(['reset', 'reset']);
  });
});

describe('what is not there, or next to nothing', () => {
  test('the keyboard controller is ready and has nothing to say', () => {
    const it = testPlatform();

    expect([inp(it, 0x64) & 0x03, inp(it, 0x60)]).toEqual([0, 0]);
  });

  test('a mask of the interrupt controller does not read back: there is none', () => {
    const it = testPlatform();
    out(it, 0x21, 0xfb);

    expect([inp(it, 0x20), inp(it, 0x21), inp(it, 0xa1), inp(it, 0x4d0)]).toEqual([0xff, 0xff, 0xff, 0xff]);
  });

  test('a probe for PCI finds none', () => {
    const it = testPlatform();
    out(it, 0xcfb, 0x01);
    const before = inp(it, 0xcf8, 4);
    out(it, 0xcf8, 0x8000_0000, 4);

    expect([before, inp(it, 0xcf8, 4), inp(it, 0xcfc, 4), inp(it, 0xcfc, 2), inp(it, 0xcff)]).toEqual([
      0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff, 0xff,
    ]);
  });

  test('none of them counts as a port that nobody has', () => {
    const it = testPlatform();
    for (const port of [0x20, 0x21, 0x43, 0x60, 0x61, 0x64, 0x70, 0x80, 0x92, 0xa0, 0xe9, 0xcf9, 0xcfc]) inp(it, port);

    expect(it.platform.inspect()).toMatchObject({ ports: { unclaimedReads: 0 } });
  });

  test('the debug port names itself and passes bytes on', () => {
    const it = testPlatform();
    for (const byte of [0x6f, 0x6b]) out(it, 0xe9, byte);

    expect([inp(it, 0xe9), it.debug, it.sent]).toEqual([0xe9, [0x6f, 0x6b], []]);
  });

  test('the last code at port 0x80 can be seen', () => {
    const it = testPlatform();
    out(it, 0x80, 0xab);

    expect(it.platform.inspect()).toMatchObject({ postCode: { code: 0xab } });
  });
});

test('a machine that is saved and restored elsewhere goes on where it was', () => {
  const from = testPlatform();
  from.platform.serial.receive(Uint8Array.from({ length: 40 }, (_, n) => 65 + n));
  const registers: [number, number][] = [
    [0x3fb, 0x83],
    [0x3f8, 0x01],
    [0x3fb, 0x03],
    [0x3fa, 0xc1],
    [0x3f9, 0x0f],
    [0x3fc, 0x13],
    [0x3f8, 0x21],
    [0x3ff, 0x5a],
    [0x70, 0x09],
    [0x71, 0x33],
    [0x43, 0xb4],
    [0x42, 0x10],
    [0x42, 0x27],
    [0x61, 0x01],
    [0x43, 0x80],
    [0x42, 0x99],
    [0x80, 0x77],
    [0x92, 0x01],
    [0xcf9, 0x02],
    [0x64, 0xd1],
  ];
  from.platform.memory.write(0xfec0_0000, 0x18n);
  from.platform.memory.write(0xfec0_0010, 0x8041n);
  for (const [port, value] of registers) out(from, port, value);
  from.time.clock += 12_345;
  const saved = from.platform.save();

  const to = testPlatform();
  to.time.clock = 5_000_000;
  to.platform.restore(JSON.parse(JSON.stringify(saved)) as typeof saved);

  expect(to.platform.save()).toEqual(saved);
  const ports = [0x3f8, 0x3fa, 0x3fb, 0x3fd, 0x3fe, 0x71, 0x42, 0x42, 0x42, 0x61, 0x80, 0x92, 0xcf9];
  // Bit 4 of port 0x61 goes by the clock alone.
  const seen = (it: TestPlatform): number[] => ports.map((port) => inp(it, port) & (port === 0x61 ? 0xef : 0xff));
  expect(seen(to)).toEqual(seen(from));
  out(to, 0x60, 0xfe);
  expect(to.events).toEqual(['reset']);
});

test('a machine that is restored while its serial port waited to send is told that it can', () => {
  const from = testPlatform({ full: () => 1 });
  from.platform.memory.write(0xfec0_0000, 0x18n);
  from.platform.memory.write(0xfec0_0010, 0x41n);
  for (const [port, value] of [
    [0x3fc, 0x0b],
    [0x3f9, 0x02],
    [0x3f8, 0x21],
  ] as const)
    out(from, port, value);
  expect(inp(from, 0x3fd)).toBe(0);

  const to = testPlatform();
  to.platform.restore(from.platform.save());

  expect([inp(to, 0x3fd), inp(to, 0x3fa), to.interrupts]).toEqual([0x60, 0x02, [[0x41, 0]]]);
});

test('two threads’ views are of one machine', () => {
  const one = testPlatform();
  const other = testPlatform({ state: one.state });
  out(one, 0x3ff, 0x12);
  out(one, 0x64, 0xd1);
  one.platform.serial.receive(Uint8Array.of(0x41));

  expect([inp(other, 0x3ff), inp(other, 0x3f8)]).toEqual([0x12, 0x41]);
  out(other, 0x60, 0xfe);
  expect([one.events, other.events]).toEqual([[], ['reset']]);
});

test('a buffer that is no platform’s state is refused', () => {
  expect(() => testPlatform({ state: new SharedArrayBuffer(64) })).toThrow('the state of a platform');
});
