/** Which MAC address has which guest: learnt from what guests send, bounded, the longest unheard forgotten first. */

/** Guests of one network; more than a switch has ports. */
const MOST_NEIGHBOURS = 1024;

/** The guests heard of. */
export class Neighbours {
  readonly #macs = new Map<number, number>();
  #lastIp = -1;
  #lastMac = -1;

  /** A guest spoke. @returns whether its address was unknown, or another's */
  learn(ip: number, mac: number): boolean {
    if (ip === this.#lastIp && mac === this.#lastMac) return false;
    const known = this.#macs.get(ip);
    this.#lastIp = ip;
    this.#lastMac = mac;
    this.#macs.delete(ip);
    this.#macs.set(ip, mac);
    if (this.#macs.size > MOST_NEIGHBOURS) this.#macs.delete(this.#macs.keys().next().value!);
    return known !== mac;
  }

  /** The MAC address behind an IP address. */
  find(ip: number): number | undefined {
    return ip === this.#lastIp ? this.#lastMac : this.#macs.get(ip);
  }

  /** All of them. */
  entries(): IterableIterator<[number, number]> {
    return this.#macs.entries();
  }
}
