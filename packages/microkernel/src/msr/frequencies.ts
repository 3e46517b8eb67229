/** Frequencies of a partition's clocks: the same on every machine, so that a guest can be saved on one and go on on another. */

/** Frequency of the TSC. A power of two times 10 MHz, so that the reference TSC page gives exactly the reference time. */
export const TSC_FREQUENCY = 1_280_000_000n;
/** Frequency of the local APIC's timer before its divider. */
export const APIC_FREQUENCY = 200_000_000n;
