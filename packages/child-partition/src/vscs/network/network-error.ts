/** Why a network adapter cannot be used. */
export class NetworkError extends Error {
  /** `NetworkError`. */
  override readonly name = 'NetworkError';
  /** `refused`: by the adapter, or no version in common. `gone`: its channel is closed. `no-memory`: no free pages. */
  readonly reason: 'refused' | 'gone' | 'no-memory';

  constructor(what: string, reason: NetworkError['reason']) {
    super(`${what}: ${reason}`);
    this.reason = reason;
  }
}
