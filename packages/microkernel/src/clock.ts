/** Where the microkernel's time comes from. Core code never asks the host itself. */
export interface Clock {
  /**
   * Monotonic time in units of 100 ns since an epoch that all threads of one microkernel share.
   * A plain number: exact for 28 years.
   */
  now(): number;
}
