import { expect, test } from 'vitest';
import { makeResetVector, RESET_VECTOR_PAGES } from './reset-vector.ts';

test('where the processor starts, and where Linux looks for a BIOS, there is code that fits', () => {
  const page = makeResetVector();
  expect(RESET_VECTOR_PAGES.map((address) => address + 0xff0)).toEqual([0xf_fff0, 0xffff_fff0]);
  // mov dx, 602h; mov al, 42h; out dx, al; hlt; jmp to the hlt
  const code = [0xba, 0x02, 0x06, 0xb0, 0x42, 0xee, 0xf4, 0xeb, 0xfd];
  expect(Array.from(page.subarray(0xff0, 0xff0 + code.length))).toEqual(code);
  expect([page.length, page[0], page[0xfff]]).toEqual([4096, 0xff, 0xff]);
});
