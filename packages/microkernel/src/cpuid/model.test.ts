import fc from 'fast-check';
import { expect, test } from 'vitest';
import { machine } from '../machine-fixture.ts';
import { featureBits, PLATFORM_FEATURES, X86_64_V1, X86_64_V2, type CpuFeature } from './features.ts';
import { CpuidModel, type CpuidOptions, type CpuidVp } from './model.ts';

const features = Object.keys(featureBits) as CpuFeature[];

/** A VP of a machine whose microkernel says nothing. */
const vp = (index = 0, apicEnabled = true): CpuidVp => ({
  index,
  apicEnabled,
  cpuid: (_, __, out) => void out.fill(0),
});

function ask(options: Partial<CpuidOptions>, leaf: number, subleaf = 0, of = vp()): number[] {
  const out = new Uint32Array(4).fill(0xdead);
  new CpuidModel({ features: X86_64_V2, vps: 1, ...options }).fill(of, leaf, subleaf, out);
  return [...out];
}

const text = (registers: readonly number[]): string =>
  String.fromCharCode(...new Uint8Array(Uint32Array.from(registers).buffer)).replace(/\0+$/, '');

test('no two features share a bit', () => {
  const places = Object.values(featureBits).map((place) => place.join());

  expect(new Set(places).size).toBe(features.length);
});

test('the vendor is AMD, in basic and extended leaves, with the highest of each', () => {
  const [basic, b, c, d] = ask({}, 0) as [number, number, number, number];

  expect(text([b, d, c])).toBe('AuthenticAMD');
  expect(ask({}, 0x80000000).slice(1)).toEqual([b, c, d]);
  expect([basic, ask({}, 0x80000000)[0]]).toEqual([0xb, 0x8000001e]);
});

test('a feature shows if it was listed or is the platform’s, and not otherwise', () => {
  fc.assert(
    fc.property(fc.subarray(features), (listed) => {
      const shown = features.filter((feature) => {
        const [leaf, register, bit] = featureBits[feature];
        return ((ask({ features: listed }, leaf)[register]! >>> bit) & 1) === 1;
      });

      expect(shown).toEqual(features.filter((name) => listed.includes(name) || PLATFORM_FEATURES.includes(name)));
    }),
  );
});

test('a kernel that asks for the features of long mode finds them in the first level', () => {
  const required = ['fpu', 'msr', 'pae', 'cx8', 'cmov', 'fxsr', 'sse', 'sse2', 'lm', 'syscall'] as const;

  expect(required.filter((feature) => !X86_64_V1.includes(feature))).toEqual([]);
});

test('the extended feature leaf repeats the basic one where AMD says so', () => {
  const basic = ask({}, 1)[3]!;
  const extended = ask({}, 0x80000001)[3]!;

  for (const bit of [0, 4, 5, 6, 8, 9, 15, 23, 24])
    expect((extended >>> bit) & 1, `bit ${bit}`).toBe((basic >>> bit) & 1);
  expect((extended >>> 25) & 3).toBe(0);
});

test('an APIC that is off does not show, and its other modes still do', () => {
  const [, , ecx, edx] = ask({}, 1, 0, vp(0, false)) as [number, number, number, number];

  expect(edx & (1 << 9)).toBe(0);
  expect(ask({}, 0x80000001, 0, vp(0, false))[3]! & (1 << 9)).toBe(0);
  expect(ecx & (1 << 21)).not.toBe(0);
});

test('family, model and stepping are encoded as family 15 and what is beyond', () => {
  expect(ask({ family: 0xf, model: 0x6b, stepping: 1 }, 1)[0]).toBe(0x00060fb1);
  expect(ask({ family: 0x17, model: 0x31, stepping: 0 }, 1)[0]).toBe(0x00830f10);
  expect(ask({}, 0x80000001)[0]).toBe(ask({}, 1)[0]);
});

test('the name is what was asked for', () => {
  const name = [2, 3, 4].flatMap((n) => ask({ name: 'A processor for tests' }, 0x80000000 + n));

  expect(text(name)).toBe('A processor for tests');
});

test.each([
  [1, 0, 0],
  [2, 1, 1],
  [3, 2, 2],
  [4, 2, 3],
  [64, 6, 63],
])('with %i VPs ids have %i bits for the core, and leaves agree on it', (vps, bits, last) => {
  const of = vp(last);

  expect((ask({ vps }, 1, 0, of)[1]! >>> 24) & 0xff).toBe(last);
  expect((ask({ vps }, 1, 0, of)[1]! >>> 16) & 0xff).toBe(vps);
  expect(ask({ vps }, 0xb, 0, of)).toEqual([0, 1, 0x100, last]);
  expect(ask({ vps }, 0xb, 1, of)).toEqual([bits, vps, 0x201, last]);
  expect(ask({ vps }, 0xb, 2, of)).toEqual([0, 0, 2, last]);
  expect(ask({ vps }, 0x80000008, 0, of)[2]).toBe((vps - 1) | (bits << 12));
});

test.each([1, 2, 3, 64])('%i VPs have caches of their own, and one of all; old leaves and new ones agree', (vps) => {
  const caches = [0, 1, 2, 3].map((subleaf) => {
    const [a, b, c, d] = ask({ vps }, 0x8000001d, subleaf) as [number, number, number, number];
    const [type, level, sharing] = [a & 0x1f, (a >>> 5) & 7, ((a >>> 14) & 0xfff) + 1];
    const [line, partitions, ways] = [(b & 0xfff) + 1, ((b >>> 12) & 0x3ff) + 1, (b >>> 22) + 1];
    return { type, level, sharing, ways, line, kib: (line * partitions * ways * (c + 1)) / 1024, d };
  });

  const rest = { line: 64, d: 0 };
  expect(caches).toEqual([
    { type: 1, level: 1, sharing: 1, ways: 2, kib: ask({}, 0x80000005)[2]! >>> 24, ...rest },
    { type: 2, level: 1, sharing: 1, ways: 2, kib: ask({}, 0x80000005)[3]! >>> 24, ...rest },
    { type: 3, level: 2, sharing: 1, ways: 16, kib: ask({}, 0x80000006)[2]! >>> 16, ...rest },
    { type: 3, level: 3, sharing: vps, ways: 16, kib: (ask({}, 0x80000006)[3]! >>> 18) * 512, ...rest },
  ]);
  expect(ask({ vps }, 0x8000001d, 4)).toEqual([0, 0, 0, 0]);
  expect(ask({ vps }, 0x8000001e, 0, vp(vps - 1))).toEqual([vps - 1, vps - 1, 0, 0]);
});

test('several VPs are cores, one is not hyper-threaded', () => {
  expect((ask({ vps: 1 }, 1)[3]! >>> 28) & 1).toBe(0);
  expect((ask({ vps: 2 }, 1)[3]! >>> 28) & 1).toBe(1);
  expect(ask({ vps: 2 }, 0x80000001)[2]! & 2).toBe(2);
});

test('the hypervisor’s leaves are the microkernel’s, the others never are', () => {
  const { childVp } = machine();
  const of: CpuidVp = childVp;

  expect(text(ask({}, 0x40000000, 0, of).slice(1))).toBe('Microsoft Hv');
  expect(ask({}, 0x40000081, 0, of)).toEqual([0, 0, 0, 0]);
  expect(text([ask({}, 0, 0, of)[1]!])).toBe('Auth');
});

test('leaves that nobody defined are zero, whatever the subleaf', () => {
  const known = new Set([
    0,
    1,
    6,
    7,
    0xb,
    ...Array.from({ length: 9 }, (_, n) => 0x80000000 + n),
    0x8000001d,
    0x8000001e,
  ]);

  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.nat(), (leaf, subleaf) => {
      fc.pre(!known.has(leaf));
      expect(ask({}, leaf, subleaf)).toEqual([0, 0, 0, 0]);
    }),
  );
  expect(ask({}, 7, 1)).toEqual([0, 0, 0, 0]);
});
