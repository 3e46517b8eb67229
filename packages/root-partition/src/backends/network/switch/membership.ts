/** Which VLANs a port belongs to (IEEE 802.1Q): an access port has one, without tags; a trunk has many, with tags. */

/** What a port says about itself: plain data. */
export interface MembershipDescription {
  /** VLAN of frames without a tag, 1 to 4094; 1 when absent. */
  readonly vlan?: number;
  /** VLANs that pass with a tag; absent or empty: none, an access port. */
  readonly trunk?: readonly number[];
  /** Reaches only ports that are not isolated, such as the way out. */
  readonly isolated?: boolean;
}

/** The VLAN of frames for whom nothing else is said. */
const DEFAULT_VLAN = 1;
/** Bits of a tag that name the VLAN. */
const VLAN_BITS = 0xfff;

/** One port's. */
export class Membership {
  readonly vlan: number;
  readonly isolated: boolean;
  readonly #trunk: ReadonlySet<number>;

  constructor({ vlan = DEFAULT_VLAN, trunk = [], isolated = false }: MembershipDescription) {
    this.vlan = vlan;
    this.isolated = isolated;
    this.#trunk = new Set(trunk);
  }

  /** The VLAN of a frame that comes in with this tag, or none; undefined when it may not. */
  vlanOf(tag: number | undefined): number | undefined {
    const named = tag === undefined ? 0 : tag & VLAN_BITS;
    // A tag that names no VLAN carries a priority only.
    if (named === 0) return this.vlan;
    return this.#trunk.has(named) ? named : undefined;
  }

  /** Whether it has a VLAN in common with another port. */
  meets(other: Membership): boolean {
    const vlans = [this.vlan, ...this.#trunk];
    return vlans.some((vlan) => other.egress(vlan) !== 'no');
  }

  /** How frames of a VLAN go out. */
  egress(vlan: number): 'tagged' | 'untagged' | 'no' {
    if (vlan === this.vlan) return 'untagged';
    return this.#trunk.has(vlan) ? 'tagged' : 'no';
  }

  /** What is wrong with a description, if anything. */
  static complaint({ vlan, trunk = [] }: MembershipDescription): string | undefined {
    const wrong = [...(vlan === undefined ? [] : [vlan]), ...trunk].find(
      (id) => !(Number.isInteger(id) && id >= 1 && id <= 4094),
    );
    return wrong === undefined ? undefined : `there is no VLAN ${wrong}`;
  }
}
