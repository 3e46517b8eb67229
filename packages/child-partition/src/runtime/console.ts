/**
 * Console: text through HvCallOutputDebugCharacter, one byte a call, in order.
 *
 * Where the bytes go is the host's affair; it may be slow. HV_STATUS_INSUFFICIENT_BUFFERS means "not now".
 */
import { HvStatus } from '@ringlet/microkernel';
import type { After, HypercallVp } from '@ringlet/vmbus';
import { FAST, OUTPUT_DEBUG_CHARACTER } from './registers.ts';
import { encodeUtf8 } from './utf8.ts';

/** 1 ms: how long a full sink is left alone. */
const RETRY_TICKS = 10_000;

interface Text {
  readonly bytes: Uint8Array;
  at: number;
  readonly printed: () => void;
}

/** The guest's way to a terminal. */
export class Console {
  readonly #vp: HypercallVp;
  readonly #after: After;
  readonly #texts: Text[] = [];
  #waiting = false;

  constructor(vp: HypercallVp, after: After) {
    this.#vp = vp;
    this.#after = after;
  }

  /** Prints behind what is being printed. Resolves when the host has taken the last byte, or takes none at all. */
  print(text: string): Promise<void> {
    return new Promise((printed) => {
      this.#texts.push({ bytes: encodeUtf8(text), at: 0, printed });
      if (!this.#waiting) this.#pump();
    });
  }

  /** Resolves when all that was printed so far is out. */
  flush(): Promise<void> {
    return this.print('');
  }

  #pump(): void {
    this.#waiting = false;
    for (let text = this.#texts[0]; text !== undefined; text = this.#texts[0]) {
      while (text.at < text.bytes.length) {
        const status = this.#output(text.bytes[text.at]!);
        if (status === HvStatus.InsufficientBuffers) {
          this.#waiting = true;
          this.#after(RETRY_TICKS, () => this.#pump());
          return;
        }
        // Any other failure is a host without a console: the byte is gone, and the guest must not stop for it.
        text.at++;
      }
      this.#texts.shift();
      text.printed();
    }
  }

  #output(byte: number): number {
    const { registers } = this.#vp;
    registers[0] = FAST | OUTPUT_DEBUG_CHARACTER;
    registers[1] = 0;
    registers[2] = byte;
    registers[3] = 0;
    this.#vp.hypercall();
    return registers[6]! & 0xffff;
  }
}
