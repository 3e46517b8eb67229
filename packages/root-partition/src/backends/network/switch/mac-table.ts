/** Which port a MAC address was last heard at, for each VLAN. Bounded, and forgotten when it has been silent for long. */

const MOST_ADDRESSES = 8192;
/** IEEE 802.1Q, table 8-6: "ageing time". */
const AGEING_MS = 300_000;
const VLANS = 4096;

interface Entry<Port> {
  port: Port;
  heardAt: number;
}

/** The table of one switch. */
export class MacTable<Port> {
  /** Key: MAC address × 4096 + VLAN, which 60 bits would hold; so VLANs have a map each. */
  readonly #vlans = new Map<number, Map<number, Entry<Port>>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** An address spoke at a port. */
  learn(vlan: number, mac: number, port: Port, now: number): void {
    let addresses = this.#vlans.get(vlan % VLANS);
    if (!addresses) this.#vlans.set(vlan % VLANS, (addresses = new Map()));
    const entry = addresses.get(mac);
    if (entry) {
      entry.port = port;
      entry.heardAt = now;
      return;
    }
    if (this.#size >= MOST_ADDRESSES) this.age(now);
    // A guest that invents addresses finds the table full; frames to those that did not fit go everywhere.
    if (this.#size >= MOST_ADDRESSES) return;
    addresses.set(mac, { port, heardAt: now });
    this.#size++;
  }

  /** Where an address is, if that is known. */
  find(vlan: number, mac: number, now: number): Port | undefined {
    const entry = this.#vlans.get(vlan % VLANS)?.get(mac);
    return entry && now - entry.heardAt <= AGEING_MS ? entry.port : undefined;
  }

  /** Forgets who has been silent for long. */
  age(now: number): void {
    this.#remove((entry) => now - entry.heardAt > AGEING_MS);
  }

  /** Forgets everybody at a port. */
  forget(port: Port): void {
    this.#remove((entry) => entry.port === port);
  }

  #remove(gone: (entry: Entry<Port>) => boolean): void {
    for (const addresses of this.#vlans.values()) {
      for (const [mac, entry] of addresses) {
        if (!gone(entry)) continue;
        addresses.delete(mac);
        this.#size--;
      }
    }
  }

  /** All of them. */
  *entries(): Generator<{ vlan: number; mac: number; port: Port }> {
    for (const [vlan, addresses] of this.#vlans) {
      for (const [mac, { port }] of addresses) yield { vlan, mac, port };
    }
  }
}
