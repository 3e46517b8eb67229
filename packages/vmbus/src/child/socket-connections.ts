/**
 * Connections to services of the host (hv_sock) that are under way: the host accepts one by offering a channel whose
 * instance and interface are the ids of the request, refuses it with a message, or says nothing at all.
 */
import { BusError } from './bus-error.ts';
import type { Offer } from './offer.ts';
import type { After } from './post-queue.ts';

/** What a connection comes to. */
type Ended = (result: Offer | BusError) => void;

/** Those of one bus. */
export class SocketConnections {
  readonly #after: After;
  readonly #request: (endpointId: string, serviceId: string) => void;
  readonly #underWay = new Map<string, Ended>();

  /** @param request - asks the host for one */
  constructor(after: After, request: (endpointId: string, serviceId: string) => void) {
    this.#after = after;
    this.#request = request;
  }

  /** Asks for one; `ended` is called once, at the latest after so many ticks of 100 ns. */
  connect(endpointId: string, serviceId: string, timeoutTicks: number, ended: Ended): void {
    const key = keyOf(endpointId, serviceId);
    if (this.#underWay.has(key)) return ended(new BusError('wrong-state', 'this connection is under way already'));
    const cancel = this.#after(timeoutTicks, () => {
      this.#underWay.get(key)?.(new BusError('refused', 'the host did not answer the connection request'));
    });
    this.#underWay.set(key, (result) => {
      this.#underWay.delete(key);
      cancel();
      ended(result);
    });
    this.#request(endpointId, serviceId);
  }

  /** A socket's channel was offered. */
  offered(offer: Offer): void {
    this.#underWay.get(keyOf(offer.instanceId, offer.interfaceId))?.(offer);
  }

  /** The host has answered; of what it accepts the offer follows. @returns whether somebody had asked. */
  answered({ endpointId, serviceId, status }: { endpointId: string; serviceId: string; status: number }): boolean {
    const ended = this.#underWay.get(keyOf(endpointId, serviceId));
    if (status !== 0) ended?.(new BusError('refused', 'the host refused the connection'));
    return ended !== undefined;
  }

  /** The bus is gone. */
  clear(error: BusError): void {
    for (const ended of this.#underWay.values()) ended(error);
  }
}

const keyOf = (endpointId: string, serviceId: string): string => `${endpointId} ${serviceId}`.toLowerCase();
