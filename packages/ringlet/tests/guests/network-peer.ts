/**
 * A network adapter whose cable leads to a host that has every address: it answers ARP and ICMP echo, on whatever VLAN it
 * was asked. For tests of drivers that need no more of a network.
 */
import { type FrameOffload, type NetworkPort, NetworkVsp } from '@ringlet/root-partition';
import type { DeviceWorld } from '@ringlet/vmbus';

const MAC = [2, 0, 0, 0, 0, 0x99];
const ARP = 0x0806;
const IPV4 = 0x0800;
const ICMP = 1;
const ECHO_REQUEST = 8;

type Sink = (frame: Uint8Array, offload?: FrameOffload) => boolean;

class PeerPort implements NetworkPort {
  readonly mtu = 9000;
  readonly link = { up: true, onChange: () => {} };
  #sink: Sink | undefined;
  #asked = 0;

  send(frame: Uint8Array, offload?: FrameOffload): boolean {
    const answer = answerTo(frame.slice());
    if (answer === undefined) return true;
    this.#asked++;
    const { vlan } = offload ?? {};
    // As a network does it: later.
    setImmediate(() => this.#sink?.(answer, { segmentSize: 0, checksumPartial: false, vlan }));
    return true;
  }

  onReceive(sink: Sink | undefined): void {
    this.#sink = sink;
  }

  inspect(): Record<string, unknown> {
    return { asked: this.#asked };
  }

  dispose(done: () => void): void {
    done();
  }
}

/** The answer, made out of the question. */
function answerTo(frame: Uint8Array): Uint8Array | undefined {
  const view = new DataView(frame.buffer);
  const type = view.getUint16(12);
  const swap = (a: number, b: number, length: number): void => {
    const kept = frame.slice(a, a + length);
    frame.copyWithin(a, b, b + length);
    frame.set(kept, b);
  };
  if (type === ARP && view.getUint16(20) === 1) {
    view.setUint16(20, 2);
    // Sender and target, each an address of hardware and one of IP.
    swap(22, 32, 10);
    frame.set(MAC, 22);
  } else if (type === IPV4 && frame[23] === ICMP && frame[34] === ECHO_REQUEST) {
    frame[34] = 0;
    const sum = view.getUint16(36) + (ECHO_REQUEST << 8);
    view.setUint16(36, (sum & 0xffff) + (sum >>> 16));
    swap(26, 30, 4);
  } else {
    return undefined;
  }
  frame.copyWithin(0, 6, 12);
  frame.set(MAC, 6);
  return frame;
}

/** The adapter. */
export default class NetworkPeer extends NetworkVsp {
  constructor(world: DeviceWorld) {
    super(world, { name: 'peer', port: new PeerPort(), maxSubchannels: 3 });
  }
}
