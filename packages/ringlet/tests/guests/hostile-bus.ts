/** Bus messages that no driver sends, by bare hypercalls. */
import { encodeMessage, encodeRanges, gpadlMessages, messages, type MessageRow } from '@ringlet/vmbus';
import type { Guest } from 'ringlet';
import type { Random } from './random.ts';

const POST_MESSAGE = 0x5cn;
const SIGNAL_EVENT = 0x1_005dn;
const PAGE = 4096;
const HEADER = 8;
/** Fewer pages than this: a guest that describes all it has with each message does little else. */
const MOST_PAGES = 40;
/** Messages that end the connection: rare, or nothing else would happen. */
const ENDINGS: readonly MessageRow[] = [messages.InitiateContact, messages.Unload];
const ROWS: readonly MessageRow[] = Object.values<MessageRow>(messages);
const OTHERS = ROWS.filter((row) => row.direction === 'to-root' && !ENDINGS.includes(row));

/** Posts what it likes. */
export class HostileBus {
  readonly #guest: Guest;
  readonly #random: Random;
  readonly #pages: number;
  readonly #input: number;

  /** @param pages - pages of the guest's memory */
  constructor(guest: Guest, random: Random, pages: number) {
    this.#guest = guest;
    this.#random = random;
    this.#pages = pages;
    this.#input = guest.pages.allocate(1) * PAGE;
  }

  /** @returns the hypercall's status */
  post(message: Uint8Array, connection = 1): number {
    const input = new Uint8Array(16 + 240);
    const view = new DataView(input.buffer);
    view.setUint32(0, connection, true);
    view.setUint32(8, 1, true);
    view.setUint32(12, message.length, true);
    input.set(message.subarray(0, 240), 16);
    this.#guest.memory.write(this.#input, input);
    return Number(this.#guest.hypercall(POST_MESSAGE, BigInt(this.#input), 0n) & 0xffffn);
  }

  signal(connection: number): void {
    this.#guest.hypercall(SIGNAL_EVENT, BigInt(connection), 0n);
  }

  /** One message of any kind. */
  anyMessage(): void {
    const random = this.#random;
    const connection = random.of([1, 1, 4, 4, random.hostile()]);
    if (random.below(8) === 0) return void this.post(random.fill(new Uint8Array(random.below(241))), connection);
    if (random.below(400) === 0) return this.startOver();
    const row = random.of(OTHERS);
    const extra = random.of([0, 0, 0, -4, 8, 64]);
    const message = new Uint8Array(Math.max(0, Math.min(240, HEADER + row.body.size + extra)));
    random.fill(message);
    if (message.length >= HEADER) new DataView(message.buffer).setBigUint64(0, BigInt(row.type), true);
    this.post(message, connection);
  }

  /** A buffer that overlaps others, lies outside of memory, contradicts itself or is never finished; or an ending. */
  anyGpadl(): void {
    const random = this.#random;
    const gpadl = random.of([random.below(40), random.hostile()]);
    const relid = random.of([random.below(10), random.hostile()]);
    const count = 1 + random.below(MOST_PAGES);
    const first = random.below(this.#pages);
    const scattered = random.below(2) === 0;
    const pages = Float64Array.from({ length: count }, (_, i) =>
      scattered ? random.of([random.below(this.#pages), random.below(2 * this.#pages), random.word()]) : first + i,
    );
    const range = { byteCount: count * PAGE, byteOffset: 0, pages };
    switch (random.below(5)) {
      case 0:
        return void this.post(encodeMessage('GpadlTeardown', { relid, gpadl }));
      case 1: {
        const [header] = gpadlMessages(relid, gpadl, range);
        return void this.post(header!);
      }
      case 2: {
        const tail = encodeRanges([{ ...range, byteCount: random.hostile(), byteOffset: random.hostile() }]);
        const body = { relid, gpadl, rangeBufferLength: random.below(65536), rangeCount: random.below(4) };
        return void this.post(encodeMessage('GpadlHeader', { ...body, tail: tail.subarray(0, 8 * random.below(27)) }));
      }
      default:
        for (const message of gpadlMessages(relid, gpadl, range)) this.post(message);
    }
  }

  /** Unloads, or not, and connects anew. */
  startOver(): void {
    if (this.#random.below(2) === 0) this.post(encodeMessage('Unload', {}), 4);
    this.post(
      encodeMessage('InitiateContact', {
        version: this.#random.of([0x50003, 0x50000, 0x40001, 0x30000, 0x20004]),
        targetVp: 0,
        interruptPageOrTarget: 2n,
        monitorPageToChild: 0n,
        monitorPageToRoot: 0n,
      }),
      4,
    );
    this.post(encodeMessage('RequestOffers', {}));
  }
}
