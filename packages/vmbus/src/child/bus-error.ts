/** BusError: why something a guest asked of its bus did not happen. */

/** What went wrong, for programs. */
export type BusErrorCode =
  /** Nobody listens on the bus's connection ids. */
  | 'no-bus'
  /** The root supports none of our versions, or had no resources for a connection. */
  | 'not-accepted'
  /** The bus is not connected (any more). */
  | 'disconnected'
  /** The channel is not in a state for this. */
  | 'wrong-state'
  /** The guest has no contiguous pages left for a ring or a page of the bus. */
  | 'no-memory'
  /** The root answered with a failure status. */
  | 'refused'
  /** The root took the offer back meanwhile. */
  | 'rescinded'
  /** The negotiated version does not have this. */
  | 'not-supported';

/** A rejected promise of the child's side of the bus. */
export class BusError extends Error {
  /** `BusError`. */
  override readonly name = 'BusError';
  /** What went wrong, for programs. */
  readonly code: BusErrorCode;

  constructor(code: BusErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
