import fc from 'fast-check';
import { expect, test } from 'vitest';
import { machine } from '../machine-fixture.ts';
import { ROOT_PRIVILEGES } from '../partition/privileges.ts';
import type { Vp } from '../vp/vp.ts';
import { leaves } from './leaves.ts';

function cpuid(vp: Vp, leaf: number): number[] {
  const out = new Uint32Array(4).fill(0xdead);
  vp.cpuid(leaf, 0, out);
  return [...out];
}

test('the hypervisor names itself, its interface, and a highest leaf that Linux accepts', () => {
  const { childVp } = machine();
  const [max, ...name] = cpuid(childVp, 0x40000000);

  expect(String.fromCharCode(...new Uint8Array(new Uint32Array(name).buffer))).toBe('Microsoft Hv');
  expect(max).toBeGreaterThanOrEqual(0x40000005);
  expect(max).toBeLessThanOrEqual(0x4000ffff);
  expect(cpuid(childVp, 0x40000001)[0]).toBe(0x31237648);
  expect(cpuid(childVp, 1)[2]! >>> 31).toBe(1);
});

test('a child sees what Linux wants and nothing more', () => {
  const { childVp } = machine();

  expect(cpuid(childVp, 0x40000003)).toEqual([0xa7e, 0x30, 0, 0x80500]);
  expect(cpuid(childVp, 0x40000004)[0]).toBe(0x220);
  expect(cpuid(childVp, 0x40000005)[0]).toBe(4);
});

test('platform gotcha 1: leaf 3 shows the privilege mask, so only who has them sees partition id and CPU management', () => {
  const { childVp, rootVp } = machine();
  const forbidden = (1 << 1) | (1 << 12) | (1 << 22);

  expect(cpuid(childVp, 0x40000003)[1]! & forbidden).toBe(0);
  expect(cpuid(rootVp, 0x40000003).slice(0, 2)).toEqual([
    Number(ROOT_PRIVILEGES & 0xffff_ffffn),
    Number(ROOT_PRIVILEGES >> 32n),
  ]);
});

test('platform gotcha 18: the limit of VPs that is shown is the one that holds', () => {
  const { kernel, child, childVp } = machine();
  const most = cpuid(childVp, 0x40000005)[0]!;

  expect(kernel.createVp(child, most - 1)).toBe(0);
  expect(kernel.createVp(child, most)).not.toBe(0);
});

test('a leaf that nobody defined is all zeros', () => {
  const { childVp } = machine();

  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (leaf) => {
      fc.pre(!leaves.has(leaf));
      expect(cpuid(childVp, leaf)).toEqual([0, 0, 0, 0]);
    }),
    { numRuns: 500 },
  );
  for (const leaf of [0x40000006, 0x4000000a, 0x40000081, 0x40000082])
    expect(cpuid(childVp, leaf)).toEqual([0, 0, 0, 0]);
});
