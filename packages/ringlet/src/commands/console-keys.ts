/**
 * Keys at a guest's console. Every key is the guest's, Ctrl-C too, except Ctrl-] and the one after it:
 *
 *     Ctrl-] q        leave
 *     Ctrl-] ?        what there is
 *     Ctrl-] Ctrl-]   one Ctrl-] for the guest
 *
 * Any other key after Ctrl-] takes it back.
 */

/** What Ctrl-] sends: the ASCII group separator. */
const PREFIX = 0x1d;
const Key = { q: 0x71, Q: 0x51, question: 0x3f } as const;

/** How to leave, in words. */
export const LEAVE_KEYS = 'Ctrl-] then q';

/** What the keys do. */
export interface ConsoleHand {
  /** Keys for the guest. */
  type(bytes: Uint8Array): void;
  leave(): void;
  help(): void;
}

/** The help, on lines of its own. @param leaving - what leaving does, as in "shuts it down" */
export function consoleHelp(leaving: string): string {
  return [
    'every key goes to the guest, except after Ctrl-]:',
    `    q       ${leaving}`,
    '    ?       this help',
    '    Ctrl-]  sends one Ctrl-] to the guest',
  ].join('\n');
}

/** Tells the guest's keys from ours, however the bytes are cut. */
export class ConsoleKeys {
  readonly #hand: ConsoleHand;
  /** Ctrl-] was the last key. */
  #prefixed = false;

  constructor(hand: ConsoleHand) {
    this.#hand = hand;
  }

  feed(bytes: Uint8Array): void {
    // Where the guest's next keys begin.
    let from = 0;
    for (let at = 0; at < bytes.length; at++) {
      if (this.#prefixed) {
        this.#prefixed = false;
        from = this.#command(bytes[at]!) ? at + 1 : at;
      } else if (bytes[at] === PREFIX) {
        this.#prefixed = true;
        this.#type(bytes.subarray(from, at));
        from = at + 1;
      }
    }
    this.#type(bytes.subarray(from));
  }

  /** Does what the key after Ctrl-] says. @returns false when the key is the guest's */
  #command(key: number): boolean {
    if (key === PREFIX) return false;
    if (key === Key.q || key === Key.Q) this.#hand.leave();
    else if (key === Key.question) this.#hand.help();
    return true;
  }

  #type(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#hand.type(bytes);
  }
}
