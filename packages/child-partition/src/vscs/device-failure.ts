/** Why a driver gave its device up. */

/** `refused`: the device speaks no version of the driver's. `malformed`: it says what makes no sense. */
export type DeviceFailure = 'refused' | 'malformed' | 'closed';

/** A device that cannot be used. */
export class DeviceError extends Error {
  /** `DeviceError`. */
  override readonly name = 'DeviceError';
  /** What went wrong, for programs. */
  readonly reason: DeviceFailure;

  constructor(device: string, reason: DeviceFailure) {
    const why = { refused: 'refuses the version', malformed: 'makes no sense', closed: 'was closed' }[reason];
    super(`the ${device} ${why}`);
    this.reason = reason;
  }
}
