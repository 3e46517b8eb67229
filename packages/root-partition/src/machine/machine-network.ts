/** A machine's network: its adapters, and what each is plugged into. */
import { createHash } from 'node:crypto';
import { UserError } from '@ringlet/wire';
import type { NetworkDescription } from '../backends/network/network-description.ts';
import type { FrameOffload, NetworkPort } from '../backends/network/network-port.ts';
import { openNetwork, type OpenedNetwork } from '../backends/network/open-network.ts';
import { RelayedPort } from '../backends/network/relayed-port.ts';
import { formatAddress, isAddress } from '../vsps/network/network-options.ts';
import { NetworkVsp } from '../vsps/network/network-vsp.ts';
import type { Answers, MachinePart, WorldOf } from './machine-part.ts';

/** One adapter of a machine, and what it is plugged into: plain data. */
export type NicDescription = NetworkDescription & {
  /** Its address, such as `02:52:6c:00:00:01`; made from the machine's name when absent, the same each time. */
  readonly mac?: string;
};

/** What may be asked of a machine's network. */
export interface NetworkRequests {
  /**
   * Pulls the cable out of an adapter, or puts it in again.
   *
   * @throws UserError `no-such-nic`
   */
  setLink(parameters: { nic?: number; up: boolean }): void;
  /** Hands in a frame from the other end of a NIC's {@link RelayedPort}; nothing happens where there is none. */
  receiveFrame(parameters: { nic: number; base64: string; offload?: FrameOffload }): void;
  /** Tells whether there is somebody at that end. */
  plugNetwork(parameters: { nic: number; up: boolean }): void;
}

/** Opens what a NIC is plugged into. @throws UserError */
export type NetworkOpener = (description: NicDescription, nic: number) => OpenedNetwork;

/** What a machine's network is made with. */
export interface MachineNetworkOptions {
  readonly world: WorldOf;
  /** The machine's name. */
  readonly name: string;
  /** Virtual processors: as many queues make sense. */
  readonly cpus: number;
  /** {@link openNetwork} when absent. */
  readonly open?: NetworkOpener | undefined;
  /** Which relayed ports had somebody at their other end, in a host that this one goes on from. */
  readonly links?: readonly boolean[] | undefined;
}

/** As many as Linux, Windows and the channel numbers of a bus bear with ease. */
const MOST_NICS = 8;
const MAC_FORM = /^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$/i;
/** An individual's address, locally administered. */
const LOCAL = 0x02;
/** Channels that a NIC has at most. */
const MOST_QUEUES = 64;

/** The network of one machine. */
export class MachineNetwork implements MachinePart<NetworkRequests> {
  readonly vsps: readonly NetworkVsp[];
  /** Settles once every network works in full. Rejects with the UserError of the first that does not. */
  readonly ready: Promise<void>;
  readonly #ports: NetworkPort[] = [];

  /** Opens all of them. @throws UserError when one cannot be; those before it are closed again */
  constructor(descriptions: readonly NicDescription[], { world, name, cpus, open, links }: MachineNetworkOptions) {
    if (descriptions.length > MOST_NICS) {
      throw new UserError('too-many-nics', `a machine cannot have ${descriptions.length} network adapters`, {
        hint: `at most ${MOST_NICS}`,
      });
    }
    const waiting: Promise<void>[] = [];
    try {
      this.vsps = descriptions.map((description, index) => {
        const mac = description.mac === undefined ? usualMac(name, index) : parseMac(description.mac);
        // A switch calls a port by its machine, and lets no other have its address.
        const plugged = description.kind === 'switch' ? { name, ...description, mac: formatAddress(mac) } : description;
        const { port, ready } = open?.(plugged, index) ?? openNetwork(plugged);
        if (port instanceof RelayedPort) port.link.set(links?.[index] ?? false);
        // Whoever starts the machine hears of it; until then it must not end the process.
        ready.catch(() => {});
        this.#ports.push(port);
        waiting.push(ready);
        const called = descriptions.length === 1 ? 'network' : `network ${index}`;
        return new NetworkVsp(world(called), {
          name: called,
          instanceId: `72696e67-6c65-746e-8353-${String(index).padStart(12, '0')}`,
          mac,
          port,
          maxSubchannels: Math.min(cpus, MOST_QUEUES) - 1,
        });
      });
    } catch (error) {
      this.dispose(() => {});
      throw error;
    }
    this.ready = Promise.all(waiting).then(() => {});
    this.ready.catch(() => {});
  }

  readonly answers: Answers<NetworkRequests> = {
    setLink: ({ nic = 0, up }) => {
      const vsp = this.vsps[nic];
      if (vsp === undefined) {
        throw new UserError('no-such-nic', `the machine has no network adapter ${nic}`, {
          hint: this.vsps.length === 0 ? 'give it one: --net nat' : `adapters: 0 to ${this.vsps.length - 1}`,
        });
      }
      vsp.setLink(up);
    },
    receiveFrame: ({ nic, base64, offload }) => {
      const port = this.#ports[nic];
      if (port instanceof RelayedPort) port.receive(Buffer.from(base64, 'base64'), offload);
    },
    plugNetwork: ({ nic, up }) => {
      const port = this.#ports[nic];
      if (port instanceof RelayedPort) port.link.set(up);
    },
  };

  /** Which ports have somebody at their other end. */
  save(): readonly boolean[] {
    return this.#ports.map(({ link }) => link.up);
  }

  /** Plain data. */
  inspect(): Record<string, unknown> {
    return { network: this.vsps.map((vsp) => vsp.inspect()) };
  }

  /** Closes what the adapters are plugged into. */
  dispose(done: () => void): void {
    let open = this.#ports.length;
    if (open === 0) return done();
    for (const port of this.#ports.splice(0)) {
      port.dispose(() => {
        if (--open === 0) done();
      });
    }
  }
}

/** The address that is written like this. @throws UserError `mac-invalid` */
function parseMac(text: string): Uint8Array {
  const bytes = MAC_FORM.test(text) ? Uint8Array.from(text.split(/[:-]/), (pair) => parseInt(pair, 16)) : undefined;
  if (bytes !== undefined && isAddress(bytes)) return bytes;
  throw new UserError('mac-invalid', `"${text}" cannot be the address of a network adapter`, {
    hint: 'six bytes such as 02:52:6c:00:00:01; the first is even: odd ones are of groups',
  });
}

/**
 * The same each time that a machine of that name is started. Those that meet on a switch usually have different names: of a
 * thousand, two have the same address once in two million times, and the switch then says so.
 */
function usualMac(name: string, index: number): Uint8Array {
  const hash = createHash('sha256').update(`${name}\0${index}`).digest();
  return Uint8Array.of(LOCAL, ...hash.subarray(0, 5));
}
