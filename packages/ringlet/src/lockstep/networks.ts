/**
 * Networks of a lockstep run: the real ones have a clock of their own, so what comes from them comes through the journal,
 * as keys do.
 *
 *     NIC ── RelayedPort ──▶ real port              (a replay has none: what the guest sends goes nowhere)
 *     NIC ◀── RelayedPort ◀── journal ◀── real port
 */
import {
  type DeviceHostRequests,
  type NetworkPort,
  type NicDescription,
  openNetwork,
  type OpenedNetwork,
  RelayedPort,
} from '@ringlet/root-partition';

/** Frames of one NIC that wait for their step. */
const MOST_WAITING = 512;
const DEFAULT_MTU = 1500;

/** Requests that networks bring. */
type Bring = <Name extends 'receiveFrame' | 'plugNetwork'>(
  name: Name,
  parameters: Parameters<DeviceHostRequests[Name]>[0],
  answered: (answer: Promise<unknown>) => void,
) => void;

/** The networks of one run, over all its checkpoints. */
export class LockstepNetworks {
  readonly #bring: Bring | undefined;
  readonly #ports: (NetworkPort | undefined)[] = [];
  readonly #waiting: Promise<void>[] = [];

  /** @param bring - takes what comes; absent for a replay, which opens nothing */
  constructor(bring: Bring | undefined) {
    this.#bring = bring;
  }

  /** Whether something can come from one of them. */
  get live(): boolean {
    return this.#ports.length > 0;
  }

  /** Settles once all of them work. Rejects with the UserError of the first that does not. */
  get ready(): Promise<unknown> {
    return Promise.all(this.#waiting);
  }

  /** What a NIC of the run is plugged into. @throws UserError as {@link openNetwork} */
  open(description: NicDescription, nic: number): OpenedNetwork {
    if (description.kind === 'none') return openNetwork({ kind: 'none' });
    if (this.#bring !== undefined && this.#ports[nic] === undefined) {
      const { port, ready } = openNetwork(description);
      ready.catch(() => {});
      this.#ports[nic] = port;
      this.#waiting.push(ready);
      watch(port, nic, this.#bring);
    }
    const port = new RelayedPort({
      mtu: description.mtu ?? DEFAULT_MTU,
      sent: (frame, offload) => void this.#ports[nic]?.send(frame, offload),
    });
    return { port, ready: Promise.resolve() };
  }

  async dispose(): Promise<void> {
    const ports = this.#ports.splice(0).filter((port) => port !== undefined);
    await Promise.all(ports.map((port) => new Promise<void>((done) => port.dispose(done))));
  }
}

/** Brings what comes from a port. */
function watch(port: NetworkPort, nic: number, bring: Bring): void {
  let waiting = 0;
  const over = (answer: Promise<unknown>): void => {
    const handed = (): void => void waiting--;
    answer.then(handed, handed);
  };
  port.onReceive((frame, offload) => {
    if (waiting >= MOST_WAITING) return false;
    waiting++;
    const base64 = Buffer.from(frame).toString('base64');
    bring('receiveFrame', { nic, base64, ...(offload && { offload: { ...offload } }) }, over);
    return true;
  });
  const plug = (up: boolean): void => bring('plugNetwork', { nic, up }, (answer) => void answer.catch(() => {}));
  port.link.onChange(plug);
  if (port.link.up) plug(true);
}
