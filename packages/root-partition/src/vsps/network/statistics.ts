/** What an adapter counts. Doubles: they do not wrap within a lifetime. */

/** Frames and bytes of one direction, by the kind of their destination. */
class TrafficCount {
  frames = 0;
  bytes = 0;
  multicastFrames = 0;
  multicastBytes = 0;
  broadcastFrames = 0;
  broadcastBytes = 0;

  /** Counts a frame by its first bytes. */
  count(frame: Uint8Array): void {
    this.frames++;
    this.bytes += frame.length;
    if ((frame[0]! & 1) === 0) return;
    if (isBroadcast(frame)) {
      this.broadcastFrames++;
      this.broadcastBytes += frame.length;
    } else {
      this.multicastFrames++;
      this.multicastBytes += frame.length;
    }
  }

  get directedFrames(): number {
    return this.frames - this.multicastFrames - this.broadcastFrames;
  }

  get directedBytes(): number {
    return this.bytes - this.multicastBytes - this.broadcastBytes;
  }
}

/** An adapter's counters. */
export class NetworkStatistics {
  /** Given to the port. */
  readonly transmitted = new TrafficCount();
  /** Given to the guest. */
  readonly received = new TrafficCount();
  /** The port did not take them. */
  transmitDropped = 0;
  /** Not sent: the link is down. */
  transmitLinkDown = 0;
  /** Frames and messages that are not what they should be. */
  malformed = 0;
  /** No free part of the receive buffer, or a full ring: the guest does not read. */
  receiveNoBuffer = 0;
  /** Larger than the guest's MTU. */
  receiveOversize = 0;
  /** Not wanted: the packet filter, a link that is down, a guest that is not ready. */
  receiveFiltered = 0;
  /** The guest could not use them. */
  receiveRefused = 0;

  inspect(): Record<string, unknown> {
    const plain = (counts: object): Record<string, unknown> =>
      Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, isCount(count) ? count : plain(count)]));
    return plain(this);
  }
}

/** Whether a frame goes to everybody. */
export function isBroadcast(frame: Uint8Array): boolean {
  return (frame[0]! & frame[1]! & frame[2]! & frame[3]! & frame[4]! & frame[5]!) === 0xff;
}

const isCount = (value: unknown): value is number => typeof value === 'number';
