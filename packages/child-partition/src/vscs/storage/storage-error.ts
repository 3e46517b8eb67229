/** How storage requests end, and the error that promises are rejected with. */

/** Outcomes of a request: one of these, or a positive number, the sense data as `key << 16 | code << 8 | qualifier`. */
export const BlockStatus = {
  Ok: 0,
  /** The device is gone, or the controller is closed. */
  Gone: -1,
  /** The controller failed the request without saying why, or moved fewer bytes than it was asked to. */
  Failed: -2,
} as const;

/** A request failed. */
export class StorageError extends Error {
  /** `StorageError`. */
  override readonly name = 'StorageError';
  /** One of {@link BlockStatus}, or sense data. */
  readonly status: number;

  constructor(what: string, status: number) {
    super(`${what}: ${describe(status)}`);
    this.status = status;
  }
}

function describe(status: number): string {
  if (status === BlockStatus.Gone) return 'the device is gone';
  if (status < 0) return 'the request failed';
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  return `sense ${hex(status >> 16)}/${hex((status >> 8) & 0xff)}/${hex(status & 0xff)}`;
}
