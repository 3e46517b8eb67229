/** Which port a MAC address was last heard at, for each VLAN. Bounded, and forgotten when it has been silent for long. */

const MOST_ADDRESSES = 8192;
/** IEEE 802.1Q, table 8-6: "ageing time". */
const AGEING_MS = 300_000;
/** A full table is looked through for the silent this often, whatever comes. */
const LOOK_MS = 1000;

interface Entry<Port> {
  port: Port;
  heardAt: number;
}

/** The table of one switch. */
export class MacTable<Port> {
  /** By VLAN, then by address: together they have more bits than a number. */
  readonly #vlans = new Map<number, Map<number, Entry<Port>>>();
  #size = 0;
  #lookedAt = -Infinity;

  /** An address spoke at a port. */
  learn(vlan: number, mac: number, port: Port, now: number): void {
    let addresses = this.#vlans.get(vlan);
    if (!addresses) this.#vlans.set(vlan, (addresses = new Map()));
    const entry = addresses.get(mac);
    if (entry) {
      entry.port = port;
      entry.heardAt = now;
      return;
    }
    if (this.#size >= MOST_ADDRESSES && now - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = now;
      this.age(now);
    }
    // A guest that invents addresses finds the table full; frames to those that did not fit go everywhere.
    if (this.#size >= MOST_ADDRESSES) return;
    addresses.set(mac, { port, heardAt: now });
    this.#size++;
  }

  /** Where an address is, if that is known. */
  find(vlan: number, mac: number, now: number): Port | undefined {
    const entry = this.#vlans.get(vlan)?.get(mac);
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
