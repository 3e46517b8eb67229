/**
 * One end of a stress run: sends packets of random sizes, some of them requests, checks everything that arrives, and
 * sleeps on its doorbell, without a time-out, whenever it has nothing to do. Two threads run one each.
 *
 * A test's instrument. It needs no host: the clock of the run is the number of packets.
 */
import { RingChannel } from '../channel/ring-channel.ts';
import { PacketType } from '../channel/packet.ts';
import { align8 } from './layout.ts';
import { guestMemory, pageRun } from './ring-fixture.ts';

/** What both ends are told. Plain data, can be posted. */
export interface StressPlan {
  /** Guest memory, as the fixture made it: two rings of `ringPages` pages. */
  readonly buffer: SharedArrayBuffer;
  readonly ringPages: number;
  readonly scattered: boolean;
  /** For each end: its doorbell's counter, and whether it sleeps. */
  readonly bells: Int32Array;
  readonly end: 0 | 1;
  /** Packets that each end sends, answers not counted. */
  readonly packets: number;
  readonly longest: number;
  readonly seed: number;
}

/** What an end saw. */
export interface StressReport {
  readonly received: number;
  readonly answered: number;
  readonly sleeps: number;
  /** The first thing that was wrong; undefined when nothing was. */
  readonly wrong: string | undefined;
}

/**
 * Every fourth packet of end 1 asks for an answer. If both ends asked, both could stop at a request with no room for its
 * answer: ends that ask each other must keep room for answers free, and this is a test of those that need not.
 */
const isRequest = (from: number, sequence: number): boolean => from === 1 && sequence % 4 === 0;

/** A number that both ends compute alike. */
function mix(seed: number, sequence: number): number {
  let value = Math.imul(seed ^ Math.imul(sequence + 1, 0x9e3779b1), 0x85ebca6b);
  value ^= value >>> 13;
  value = Math.imul(value, 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** Runs one end until all that it sends was received and answered, and all that the peer sends was received. */
export function stressEnd(plan: StressPlan): StressReport {
  const { bells, end, packets, longest, ringPages } = plan;
  const peer = 1 - end;
  const memory = guestMemory({ pages: 2 * ringPages, scattered: plan.scattered, buffer: plan.buffer });
  const channel = new RingChannel({
    relid: 1,
    subchannelIndex: 0,
    userData: new Uint8Array(0),
    memory,
    incoming: pageRun(end * ringPages, ringPages),
    outgoing: pageRun(peer * ringPages, ringPages),
    signal() {
      Atomics.add(bells, 2 * peer, 1);
      if (Atomics.load(bells, 2 * peer + 1) !== 0) Atomics.notify(bells, 2 * peer);
    },
    pollSoon: () => {},
  });
  const requests = end === 1 ? Math.ceil(packets / 4) : 0;
  const payload = new Uint8Array(longest);
  const arrived = new Uint8Array(longest + 8);
  let sent = 0;
  let received = 0;
  let answered = 0;
  let sleeps = 0;
  let waiting = false;
  let wrong: string | undefined;

  const fill = (from: number, sequence: number): Uint8Array => {
    const length = 4 + (mix(plan.seed + from, sequence) % (longest - 3));
    const first = mix(from, sequence);
    for (let i = 4; i < length; i++) payload[i] = first + i;
    for (let i = 0; i < 4; i++) payload[i] = sequence >>> (8 * i);
    return payload.subarray(0, length);
  };
  const check = (what: string, expected: Uint8Array, length: number): void => {
    if (length !== align8(expected.length)) wrong ??= `${what}: ${length} bytes for ${expected.length}`;
    for (let i = 0; i < expected.length; i++) {
      if (arrived[i] !== expected[i]) wrong ??= `${what}: byte ${i} is ${arrived[i]}, not ${expected[i]}`;
    }
  };

  channel.onPacket((packet) => {
    if (packet.type === PacketType.Completion) {
      packet.copyTo(arrived.subarray(0, packet.length));
      check(`answer ${answered}`, fill(peer, packet.transactionLow), packet.length);
      if (packet.transactionLow !== 4 * answered) wrong ??= `answer to ${packet.transactionLow}, not ${4 * answered}`;
      answered++;
      return true;
    }
    if (isRequest(peer, received)) {
      const answer = fill(end, received);
      if (!channel.complete(packet, answer)) {
        channel.whenRoom(answer.length, () => channel.resume());
        return false;
      }
    }
    packet.copyTo(arrived.subarray(0, packet.length));
    check(`packet ${received}`, fill(peer + 2, received), packet.length);
    if (packet.completionRequested !== isRequest(peer, received)) wrong ??= `packet ${received}: wrong flags`;
    received++;
    return true;
  });

  while (channel.state === 'open' && wrong === undefined) {
    const seen = Atomics.load(bells, 2 * end);
    while (channel.poll(32));
    while (sent < packets && !waiting) {
      const next = fill(end + 2, sent);
      if (isRequest(end, sent) ? channel.request(next, sent, 0) : channel.send(next)) {
        sent++;
        if (mix(plan.seed, sent) % 16 === 0) channel.flush();
      } else {
        waiting = true;
        channel.whenRoom(next.length, () => void (waiting = false));
      }
    }
    channel.flush();
    if (sent === packets && received === packets && answered === requests) break;
    Atomics.store(bells, 2 * end + 1, 1);
    if (Atomics.wait(bells, 2 * end, seen) === 'ok') sleeps++;
    Atomics.store(bells, 2 * end + 1, 0);
  }
  return { received, answered, sleeps, wrong: wrong ?? channel.fault };
}
