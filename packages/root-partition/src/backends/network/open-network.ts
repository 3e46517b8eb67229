/**
 * Opens what a NIC is plugged into, from plain data.
 *
 *     none     nothing                                               ┐
 *     nat      a network inside this process, no privilege needed    │   each below, when asked for:
 *     switch   a port of a switch                                    ├── faults ◄── bandwidth ◄── capture ◄── NIC
 *     stream   a Unix socket that carries frames                     │
 *     passt    the program passt                                     │
 *     tap      a TAP interface of Linux, through the program socat   ┘
 */
import { UserError } from '@ringlet/wire';
import { addressTaken, cannotConnect, invalid } from './failures.ts';
import { CapturedPort } from './layers/captured-port.ts';
import { FaultyPort } from './layers/faulty-port.ts';
import { LimitedPort } from './layers/limited-port.ts';
import { HOST_CLOCK } from './network-clock.ts';
import type { LayerDescription, NetworkDescription } from './network-description.ts';
import type { NetworkPort } from './network-port.ts';
import { NonePort } from './none-port.ts';
import { openNat } from './open-nat.ts';
import { PasstPort } from './passt/passt-port.ts';
import { StreamPort, type StreamPortOptions } from './stream/stream-port.ts';
import { helloLength, readAnswer, writeHello } from './switch/hello.ts';
import { Membership } from './switch/membership.ts';
import { TapPort } from './tap/tap-port.ts';

/** A port, and when it is in use. */
export interface OpenedNetwork {
  /** What the adapter is plugged into. */
  readonly port: NetworkPort;
  /**
   * Settles once the port works in full: listens on the host, has connected. Rejects with a UserError; the port still
   * has to be disposed of then.
   */
  readonly ready: Promise<void>;
}

/** Bytes before what a switch says. */
const PREFIX = 4;
const DEFAULT_MTU = 1500;
const LEAST_MTU = 576;
const MOST_MTU = 9000;
/** Slower than the slowest modem, a NIC would not pass a frame in a second. */
const LEAST_BANDWIDTH = 10_000;
/** What Linux takes for a name of an interface. */
const INTERFACE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/;

/** Opens a network. Its port can be used at once. @throws UserError network-invalid when it cannot be like that */
export function openNetwork(description: NetworkDescription): OpenedNetwork {
  check(description);
  const opened = open(description);
  return layered(opened, description);
}

function open(description: NetworkDescription): OpenedNetwork {
  switch (description.kind) {
    case 'none':
      return { port: new NonePort(), ready: Promise.resolve() };
    case 'nat': {
      const port = openNat(description);
      return { port, ready: port.listen() };
    }
    case 'switch':
    case 'stream': {
      const { kind, path, mtu = DEFAULT_MTU } = description;
      const plug = kind === 'switch' ? plugOf(description) : {};
      const port = new StreamPort({ kind, path, mtu, ...plug });
      const ready = port.connect().catch((error: unknown) => {
        throw error instanceof UserError ? error : cannotConnect(path, error);
      });
      return { port, ready };
    }
    case 'passt': {
      const port = new PasstPort(description);
      return { port, ready: port.connect() };
    }
    case 'tap': {
      if (!INTERFACE_NAME.test(description.name)) {
        throw invalid(`"${description.name}" is no name of an interface`, 'such as tap0, at most 15 characters');
      }
      const port = new TapPort(description);
      return { port, ready: port.attach() };
    }
  }
}

/** What is said to a switch, and what is made of its answer. */
function plugOf(description: NetworkDescription & { kind: 'switch' }): Pick<StreamPortOptions, 'hello' | 'answer'> {
  const { name = 'machine', mac, vlan, trunk, isolated } = description;
  const hello = writeHello({
    name,
    ...(mac !== undefined && { mac }),
    ...(vlan !== undefined && { vlan }),
    ...(trunk !== undefined && { trunk }),
    ...(isolated !== undefined && { isolated }),
  });
  if (mac === undefined) return { hello };
  const answer = (bytes: Buffer): number => {
    if (bytes.length < PREFIX) return 0;
    const length = helloLength(bytes.readUInt32BE());
    if (length === undefined) throw new Error('it is no switch');
    if (bytes.length < PREFIX + length) return 0;
    const said = readAnswer(bytes.subarray(PREFIX, PREFIX + length));
    if (said === undefined) throw new Error('it is no switch');
    if (said.takenBy !== undefined) throw addressTaken(name, mac, said.takenBy);
    return PREFIX + length;
  };
  return { hello, answer };
}

function check(description: NetworkDescription): void {
  const { bandwidth, faults = {} } = description;
  if ('mtu' in description && description.mtu !== undefined) {
    const { mtu } = description;
    if (!(Number.isInteger(mtu) && mtu >= LEAST_MTU && mtu <= MOST_MTU)) {
      throw invalid(`packets cannot have ${mtu} bytes`, `an MTU is ${LEAST_MTU} to ${MOST_MTU} bytes`);
    }
  }
  if (bandwidth !== undefined && !(bandwidth >= LEAST_BANDWIDTH)) {
    throw invalid(`a network cannot have ${bandwidth} bits a second`, `at least ${LEAST_BANDWIDTH}`);
  }
  for (const key of ['loss', 'duplicate', 'reorder'] as const) {
    const chance = faults[key];
    if (chance !== undefined && !(chance >= 0 && chance <= 1)) {
      throw invalid(`${chance} is no chance of ${key}`, 'chances are 0 to 1: 0.05 is 5 percent');
    }
  }
  const complaint = description.kind === 'switch' ? Membership.complaint(description) : undefined;
  if (complaint !== undefined) throw invalid(complaint, 'VLANs are 1 to 4094');
}

function layered({ port, ready }: OpenedNetwork, layers: LayerDescription): OpenedNetwork {
  let top = port;
  const waiting = [ready];
  if (layers.faults) top = new FaultyPort(top, layers.faults, HOST_CLOCK);
  if (layers.bandwidth !== undefined) top = new LimitedPort(top, layers.bandwidth, HOST_CLOCK);
  if (layers.capture !== undefined) {
    const captured = new CapturedPort(top, layers.capture);
    waiting.push(captured.file.ready);
    top = captured;
  }
  return { port: top, ready: Promise.all(waiting).then(() => {}) };
}
