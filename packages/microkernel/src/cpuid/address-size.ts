/** Bits of a guest-physical address that a processor announces, and beyond which its registers fault. */
export const PHYSICAL_ADDRESS_BITS = 40;
