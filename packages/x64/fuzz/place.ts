/** Where code and data of a case lie, and how a program of each code size sees them. The harness has the same. */

/** Linear address of the code page. */
export const CODE = 0x1000_0000;
/** Linear address of the two data pages. */
export const DATA = 0x2000_0000;
/** The border of the two data pages: where pointers point to. */
export const BORDER = DATA + 0x1000;

/** Code size of a case: 64-bit mode, or a 32- or 16-bit code segment of compatibility mode. */
export type Bits = 64 | 32 | 16;

/** What a program sees. */
export interface Place {
  readonly bits: Bits;
  /** Number of the code size in a case. */
  readonly number: number;
  /** RIP of the code's first byte. */
  readonly code: number;
  /** Offset of {@link BORDER} in the data segments. */
  readonly border: number;
  /** Linear address of offset 0 in the data segments. */
  readonly dataBase: number;
  /** Selectors that Linux has for such a program, or that the harness makes in its LDT. */
  readonly selectors: { readonly code: number; readonly data: number };
}

/** A 16-bit program's code page is the last one of its segment: random targets meet the limit, not the code. */
const CODE_16 = 0x5000;
/** Its data segments begin so that their middle is the border. */
const DATA_16 = BORDER - 0x8000;

export const PLACES: Readonly<Record<Bits, Place>> = {
  64: { bits: 64, number: 0, code: CODE, border: BORDER, dataBase: 0, selectors: { code: 0x33, data: 0x2b } },
  32: { bits: 32, number: 1, code: CODE, border: BORDER, dataBase: 0, selectors: { code: 0x23, data: 0x2b } },
  16: { bits: 16, number: 2, code: CODE_16, border: 0x8000, dataBase: DATA_16, selectors: { code: 0x0f, data: 0x17 } },
};
