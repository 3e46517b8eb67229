/**
 * Connect requests of guest sockets that the host has not answered yet.
 *
 * Acceptance is an offer whose interface is the service and whose instance is the endpoint; only a refusal has a message.
 * A request stops counting when it is answered, not when the guest has opened the channel.
 */
import type { SocketRequest } from './notifier.ts';

/** The requests of one child. */
export class SocketConnects {
  readonly #limit: number;
  readonly #pending = new Map<string, SocketRequest>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#pending.size;
  }

  /** Notes a request. @returns false when there are too many, or the same one waits already. */
  add(request: SocketRequest): boolean {
    const key = keyOf(request);
    if (this.#pending.size >= this.#limit || this.#pending.has(key)) return false;
    this.#pending.set(key, request);
    return true;
  }

  /** Takes an answered request out. @returns false when nobody waits for it any more. */
  answered(request: Pick<SocketRequest, 'endpointId' | 'serviceId'>): boolean {
    return this.#pending.delete(keyOf(request));
  }

  /** The guest that asked is gone. */
  clear(): void {
    this.#pending.clear();
  }
}

const keyOf = ({ endpointId, serviceId }: Pick<SocketRequest, 'endpointId' | 'serviceId'>): string =>
  `${serviceId}/${endpointId}`.toLowerCase();
