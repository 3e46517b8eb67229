/**
 * Ethernet II frames (IEEE 802.3):
 *
 *      0            6            12       14
 *     ┌────────────┬────────────┬────────┬─────────
 *     │destination │ source     │ type   │ payload …       802.1Q: type 0x8100, tag, the real type
 *     └────────────┴────────────┴────────┴─────────
 */

/** Types of payload. */
export const EtherType = { Ipv4: 0x0800, Arp: 0x0806, Vlan: 0x8100, Ipv6: 0x86dd } as const;
/** Bytes before the payload. */
export const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;
/** What the largest MTU makes of a frame that is not to be cut, with a tag. */
export const LARGEST_FRAME = 9000 + ETHERNET_HEADER + VLAN_TAG;
/** What a frame with TCP segments still to be cut from it can have: an IPv4 packet's most, and the header. */
export const LARGEST_UNCUT_FRAME = 65_535 + ETHERNET_HEADER + VLAN_TAG;
