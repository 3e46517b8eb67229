import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '@ringlet/wire';
import { decompressXz } from './xz.ts';

/** 1500 bytes after the x86 filter, with a CRC-32: what `codeLike` makes. */
const FILTERED =
  '/Td6WFoAAAFpIt42AgEEACEBCADSuXTL4AXbA0xdAACA51BeqpPu3uKVlW+/gvYcVSU3v8xlkjqh6UZosTrH251MHa4XpuL01Sbqz28N29JZsSVCBWimtkiur91L95rO3W5R4jSfkFkXXkZBOJic9yleQLLoOFfUgNea8nn5AVKtpA2Q7dn3nZdt6p8XoPrlKDUKMdRD9FLC8n3VC3uHGEzxi1xZ5wQFXJ9yj+BrkQn7Z+vMDg4zjU+2dXCfOSpOVV3Pnwia1iltb/WHjJxtWq0QFWyGF5gI660yJwyAlCYcLrlMu69cidiLMCC0LTa3EOjfKDdwBz84mmX8JduUyHbXU/Kv4Ig9ali1Vv6+exAPfpVkvhIk0Yb7YMG/WqdfCHLkZAM7nwRSQlWTG6dTgrklyLnX+n41ep92KMSXM2FZ9ClYF3FB5gUt9SeY/c7TxGZMjToSQGvbkZFKTTTR6gTjFBu6K0ve5z/XbtxRK3GxrNuyJ/4osY+i5pANOKu+yNSZf7eVR4sJeGSGnW8bCOfunJZlO/Q3CBTlMalhw8DQOG4z5fzPP3W3nCLhSy48kE+lP4R7K1QSS9AwTWVfl4Jc8H9KMkkeSGZ0GsLf/qr2ln6jdmTx2PF56foe4azXmrZjyUHwc+Sgwf8nfljFD0HTNKxo40VtYfrhbEo4p8SgrtSRI/5V02QJFbckDim7oFGMo2ATomM8QrEtEjgifWWW9NzvG1n20EzV1ny1hQCnAQAiNfqPrh0a/hfBiCzFRYP1Ei3MPtgIWUIUT5Jkc3JEACdkv/6e41oPwOyTtJEnu6qAa8eOpqmLNaYLRSjf5qj7BKb47B6h36OHkTucQB0JCAoDEFULT1PHrLJemLFI1MViKF5+9SygV/cyrZHutoSl4WYtzFT9UXfa+bI4YpCt+6iU6l7bQ7K4oPbtXHGo6LMVKIe/uAsfOBCkuRKxU/3JBEax1q/JG6Ugp18JZN1ns114i4bt6MsQtXcSr/+WorbXfYL4pKDEn8oGCTB2MrpRAWOrsXB0wo5kTEhRmjN3f7j5xfX+P0SV3qpBtxfPO4ou6xCXUViNVxxICPccdtcKGuQOViZPnPRmxv1cgFpM0HNmp1RgIihqmkASxKmS6howEy0AUNAOfuc1nWK7K2wCoQFh1lMlFYsABmBu5wAB5AbcCwAAKZEXoT4wDYsCAAAAAAFZWg==';
/** 920 bytes in blocks of 300, with SHA-256. */
const BLOCKS =
  '/Td6WFoAAArh+wyhAgAhARYAAAB0L+Wj4AErAB5dACCbLEB3N5xr//KMOGKw+Qc1orsYc9RSdJ+IyJtAAAAAAKp2z9hL3HFRv5frnAP+lt7hGNgdmULAixY7IpmFMyNIAgAhARYAAAB0L+Wj4AErAB5dADeICgcDmkVwTeJUh23WLXCKusZi1yyQHUEOH82IAAAAAHLHFdvZV1Qags01POvkS0G7DDODrNGFJ7SRQaEueI3CAgAhARYAAAB0L+Wj4AEXAB1dADkawAUSP46MH+s4bkt5Mv5pbc3/kCPxHjYBIUAAAAAAAPXGpLYL8XvysKAVc3P8E7NFGk1tEP43VC3n1lUeNh1sAANSrAJSrAJRmAIA+BmwDRM6g9cDAAAAAApZWg==';
/** The same in one block, with CRC-64. */
const ONE_BLOCK =
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4ANvACJdACCbLEB3N5xr//KMOGKw+Qc1orsYc9RSdJ+I+IYoFJd+LgAAAADeE3RDKPvABwABPvAGAAAAgb16kLHEZ/sCAAAAAARZWg==';
/** Nothing: a stream without blocks. */
const EMPTY = '/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVo=';

const TEXT = 'All work and no play. '.repeat(40);

const file = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
const plain = (data: Uint8Array): Buffer => Buffer.concat(Array.from(decompressXz(data), (piece) => piece.slice()));

/** Bytes with many calls and jumps close together, as the filter finds hardest. */
function codeLike(length: number): Uint8Array {
  let seed = 1;
  const next = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 16;
  return Uint8Array.from({ length }, () => (next() % 4 === 0 ? [0xe8, 0xe9, 0x00, 0xff][next() % 4]! : next() % 5));
}

test('the x86 filter is undone, calls within calls as well', () => {
  expect(plain(file(FILTERED)).equals(codeLike(1500))).toBe(true);
});

test('blocks are joined, and each is checked by SHA-256', () => {
  expect(plain(file(BLOCKS)).toString()).toBe(TEXT);
});

test('a stream of one block is checked by CRC-64', () => {
  expect(plain(file(ONE_BLOCK)).toString()).toBe(TEXT);
});

test('a stream without blocks is empty', () => {
  expect(plain(file(EMPTY)).length).toBe(0);
});

test('streams that follow one another, with zeros between them, are joined', () => {
  const joined = Buffer.concat([file(ONE_BLOCK), new Uint8Array(8), file(EMPTY), file(BLOCKS), new Uint8Array(4)]);
  expect(plain(joined).toString()).toBe(TEXT + TEXT);
});

test('zeros after a stream come in fours', () => {
  expect(() => plain(Buffer.concat([file(ONE_BLOCK), new Uint8Array(6)]))).toThrow('not a valid XZ file');
});

test('a dictionary beyond 256 MiB is refused before memory is taken', () => {
  const large = file(ONE_BLOCK);
  // The dictionary of the only filter: code 0x1c is 64 MiB.
  const at = large.indexOf(0x1c, 12);
  large[at] = 0x28;
  expect(() => plain(large)).toThrow(UserError);
});

test.each([
  ['filtered', FILTERED],
  ['in blocks', BLOCKS],
  ['in one block', ONE_BLOCK],
])('wherever a file %s is cut, it is refused', (_, base64) => {
  const whole = file(base64);
  for (let length = 0; length < whole.length; length++) {
    expect(() => plain(whole.subarray(0, length))).toThrow(UserError);
  }
});

test('whatever byte of a file is changed, it is refused: nothing goes unchecked', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(FILTERED, BLOCKS, ONE_BLOCK),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (base64, position, change) => {
        const changed = file(base64);
        const at = position % changed.length;
        changed[at] = changed[at]! ^ change;
        expect(() => plain(changed)).toThrow(UserError);
      },
    ),
    { numRuns: 500 },
  );
});
