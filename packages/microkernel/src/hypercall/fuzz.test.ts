import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GPA_PAGES, machine } from '../machine-fixture.ts';
import { PAGE_SIZE } from '../memory/node.ts';
import { ROOT_PRIVILEGES } from '../partition/privileges.ts';
import { rawCall } from './call-fixture.ts';
import { controlWord } from './control.ts';
import { hypercalls } from './table.ts';

const word = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const address = fc.oneof(
  word,
  fc.integer({ min: 0, max: GPA_PAGES * (PAGE_SIZE / 8) }).map((n) => BigInt(n * 8)),
);
const interesting = fc.oneof(
  word,
  fc.constantFrom(0n, 1n, 2n, 3n, 17n, 0xffff_ffff_ffff_ffffn, 0xffff_fffen, 1n << 32n, 0x8000_0000n),
);
const declared = fc
  .record({
    code: fc.constantFrom(...hypercalls.keys()),
    fast: fc.boolean(),
    variableUnits: fc.constantFrom(0, 0, 0, 1, 2, 1023),
    repCount: fc.constantFrom(0, 0, 1, 2, 3, 4095),
    repStart: fc.constantFrom(0, 0, 0, 1, 4095),
  })
  .map(({ code, ...options }) => controlWord(code, options));

test('no registers and no guest memory make a hypercall throw, or reach what is not the caller’s', () => {
  const { kernel, root, child, childVp, node, rootVp } = machine({}, ROOT_PRIVILEGES);
  const rootPage = rootVp.memory.locate(0, 1, 0) / PAGE_SIZE;
  const rootMemory = node.bytes.slice(rootPage * PAGE_SIZE, (rootPage + GPA_PAGES - 1) * PAGE_SIZE);

  fc.assert(
    fc.property(
      fc.oneof(word, declared, declared, declared),
      address,
      address,
      fc.array(interesting, { minLength: 1, maxLength: 40 }),
      (rcx, rdx, r8, input) => {
        childVp.memory.write(Number(rdx), new Uint8Array(new BigUint64Array(input).buffer));
        const { status, reps } = rawCall(childVp, rcx, rdx, r8);
        expect(status).toBeLessThan(0x80);
        expect(reps).toBeLessThan(4096);
      },
    ),
    { numRuns: 4000 },
  );

  const { partitions } = kernel.inspect() as { partitions: Record<number, { state: string; parent: number }> };
  expect(partitions[root]!.state).toBe('active');
  expect(partitions[child]!.state).toBe('active');
  const childrenOfRoot = Object.keys(partitions).filter((id) => partitions[Number(id)]!.parent === root);
  expect(childrenOfRoot).toEqual([String(child)]);
  const now = node.bytes.subarray(rootPage * PAGE_SIZE, (rootPage + GPA_PAGES - 1) * PAGE_SIZE);
  expect(now.every((byte, at) => byte === rootMemory[at])).toBe(true);
});
