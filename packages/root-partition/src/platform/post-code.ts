/** PostCode: port 0x80, where firmware shows how far it got, and which Linux writes to pass a microsecond. */
import type { PortDevice } from './port-bus.ts';
import { Port } from './ports.ts';

/** What was last shown. */
export interface SavedPostCode {
  /** The byte at port 80h. */
  readonly code: number;
}

/** Words of shared state that a post code takes. */
export const POST_CODE_WORDS = 1;

/** One thread's view of the port. */
export class PostCode implements PortDevice {
  readonly name = 'post-code';
  readonly ports = [[Port.PostCode, 1]] as const;
  readonly #words: Int32Array;

  constructor({ words }: { readonly words: Int32Array }) {
    this.#words = words;
  }

  read(): number {
    return Atomics.load(this.#words, 0);
  }

  write(_port: number, value: number): void {
    Atomics.store(this.#words, 0, value);
  }

  reset(): void {
    Atomics.store(this.#words, 0, 0);
  }

  save(): SavedPostCode {
    return { code: Atomics.load(this.#words, 0) };
  }

  restore(saved: SavedPostCode): void {
    Atomics.store(this.#words, 0, saved.code & 0xff);
  }

  inspect(): Record<string, unknown> {
    return { ...this.save() };
  }
}
