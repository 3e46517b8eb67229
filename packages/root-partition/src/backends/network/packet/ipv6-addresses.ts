/**
 * IPv6 addresses as numbers, so that they compare, hash and key maps as IPv4's do: a table gives each its own.
 *
 *      2^32  +  place in the table << 16  |  sum of its eight words
 *
 * No IPv4 address is so large, and the sum is what a checksum needs to know of an address. The table is bounded; what has
 * not been used the longest is forgotten first, and its number is not given to another soon.
 */
import { isIPv6 } from 'node:net';
import { BROADCAST_IP, formatIp, parseIp } from './address.ts';
import { read16, read32, write16, write32 } from './bytes.ts';
import { foldSum } from './checksum.ts';

const PLACES = 1 << 14;
const BUCKETS = 1 << 14;
/** A place's number is another each time, so often. */
const GENERATIONS = 16;
const FIRST = BROADCAST_IP + 1;
const SUMS = 0x1_0000;
const WORDS = 4;
const Use = { None: 0, Used: 1, Pinned: 2 } as const;

/** Bytes of an address. */
export const IPV6_ADDRESS = 16;

/** Whether a number is that of an IPv6 address. */
export const isIpv6 = (ip: number): boolean => ip > BROADCAST_IP;

/** Addresses that were seen. */
export class Ipv6Addresses {
  readonly #words = new Uint32Array(PLACES * WORDS);
  readonly #numbers = new Float64Array(PLACES);
  readonly #use = new Uint8Array(PLACES);
  /** Places by a mix of their words, chained. */
  readonly #first = new Int32Array(BUCKETS).fill(-1);
  readonly #next = new Int32Array(PLACES).fill(-1);
  readonly #scratch = new Uint8Array(IPV6_ADDRESS);
  #count = 0;
  #hand = 0;

  /** The number of the address at `at`. */
  numberOf(bytes: Uint8Array, at: number): number {
    const [a, b, c, d] = [read32(bytes, at), read32(bytes, at + 4), read32(bytes, at + 8), read32(bytes, at + 12)];
    const bucket = bucketOf(a, b, c, d);
    const words = this.#words;
    for (let place = this.#first[bucket]!; place >= 0; place = this.#next[place]!) {
      const word = place * WORDS;
      if (words[word + 3] === d && words[word + 2] === c && words[word + 1] === b && words[word] === a) {
        this.#use[place]! |= Use.Used;
        return this.#numbers[place]!;
      }
    }
    return this.#add(a, b, c, d, bucket);
  }

  /** The number of an address that is never forgotten. */
  pin(bytes: Uint8Array): number {
    const ip = this.numberOf(bytes, 0);
    this.#use[placeOf(ip)]! |= Use.Pinned;
    return ip;
  }

  /** Whether an address is still known; one that is not can be sent nothing. */
  knows(ip: number): boolean {
    return this.#numbers[placeOf(ip)] === ip;
  }

  /** Writes an address that is known. */
  write(bytes: Uint8Array, at: number, ip: number): void {
    const word = placeOf(ip) * WORDS;
    for (let i = 0; i < WORDS; i++) write32(bytes, at + i * 4, this.#words[word + i]!);
  }

  /** The first 32 bits, and the second. */
  head(ip: number): readonly [number, number] {
    const word = placeOf(ip) * WORDS;
    return [this.#words[word]!, this.#words[word + 1]!];
  }

  /** An address of either family as text; IPv6 as RFC 5952 writes it. */
  format(ip: number): string {
    if (!isIpv6(ip)) return formatIp(ip);
    if (!this.knows(ip)) return 'forgotten';
    this.write(this.#scratch, 0, ip);
    return formatIpv6(this.#scratch);
  }

  /** `10.0.2.15:22`, `[2001:db8::1]:22`. */
  formatEnd(ip: number, port: number): string {
    return isIpv6(ip) ? `[${this.format(ip)}]:${port}` : `${formatIp(ip)}:${port}`;
  }

  /** The number of a text of either family. */
  parse(text: string): number | undefined {
    const bytes = parseIpv6(text);
    return bytes === undefined ? parseIp(text) : this.numberOf(bytes, 0);
  }

  #add(a: number, b: number, c: number, d: number, bucket: number): number {
    const place = this.#count < PLACES ? this.#count++ : this.#forgetOne();
    const words = this.#words;
    words.set([a, b, c, d], place * WORDS);
    const sum = foldSum([a, b, c, d].reduce((total, word) => total + (word >>> 16) + (word & 0xffff), 0));
    // A place that was somebody else's has the next generation's number.
    const old = this.#numbers[place]!;
    const generation = old === 0 ? 0 : (Math.floor((old - FIRST) / SUMS / PLACES) + 1) % GENERATIONS;
    const ip = FIRST + (generation * PLACES + place) * SUMS + sum;
    this.#numbers[place] = ip;
    // Who is seen but once is the next to go.
    this.#use[place] = Use.None;
    this.#next[place] = this.#first[bucket]!;
    this.#first[bucket] = place;
    return ip;
  }

  /** Takes out one that was not used since the last time round. @returns its place */
  #forgetOne(): number {
    for (;;) {
      const place = this.#hand;
      this.#hand = (place + 1) % PLACES;
      const use = this.#use[place]!;
      if (use & Use.Pinned) continue;
      this.#use[place] = Use.None;
      if (use !== Use.None) continue;
      this.#unlink(place);
      return place;
    }
  }

  #unlink(place: number): void {
    const [a, b, c, d] = this.#words.subarray(place * WORDS, place * WORDS + WORDS) as unknown as [
      number,
      number,
      number,
      number,
    ];
    const bucket = bucketOf(a, b, c, d);
    if (this.#first[bucket] === place) {
      this.#first[bucket] = this.#next[place]!;
      return;
    }
    let before = this.#first[bucket]!;
    while (this.#next[before] !== place) before = this.#next[before]!;
    this.#next[before] = this.#next[place]!;
  }
}

const placeOf = (ip: number): number => Math.floor((ip - FIRST) / SUMS) % PLACES;

function bucketOf(a: number, b: number, c: number, d: number): number {
  const mixed =
    Math.imul(a ^ Math.imul(b, 0x85ebca6b), 0x9e3779b1) ^ Math.imul(c ^ Math.imul(d, 0xc2b2ae35), 0x27d4eb2f);
  return ((mixed ^ (mixed >>> 15)) >>> 0) % BUCKETS;
}

/** `2001:db8::1`. */
export function formatIpv6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => read16(bytes, i * 2).toString(16));
  // The URL standard writes addresses as RFC 5952 does.
  return new URL(`http://[${words.join(':')}]/`).hostname.slice(1, -1);
}

/** The bytes of an address, or undefined when the text is none. A zone (`%eth0`) is left away. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const [address] = text.split('%', 1);
  if (!isIPv6(address!)) return undefined;
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').map((word) => parseInt(word, 16)));
  const [before, behind] = [words(head), words(tail ?? '')];
  const bytes = new Uint8Array(IPV6_ADDRESS);
  before.forEach((word, i) => write16(bytes, i * 2, word));
  behind.forEach((word, i) => write16(bytes, (8 - behind.length + i) * 2, word));
  return bytes;
}
