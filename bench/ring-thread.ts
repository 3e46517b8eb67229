/**
 * One thread of the ring benchmark: owns one end of a channel and, on each job it is posted, runs it for a while.
 *
 * Both ends spin for a moment before they sleep on their doorbell, as the C program beside this file does, with the same
 * batches and the same reads of each packet.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { COMPLETION_REQUESTED, type Packet, PacketType, RingChannel, type RingReader } from '@ringlet/vmbus';
import { copyWithin } from '../packages/ringlet/src/host/memory.ts';
import { guestMemory, pageRun } from '../packages/vmbus/src/ring/ring-fixture.ts';
import { threadId } from './thread-id.ts';
import { dataPages, LAYOUT, type RingJob, type RingThreadData, STOP } from './ring-job.ts';

/** A thread with nothing to do looks again for so long before it sleeps. */
const SPIN_MILLISECONDS = 0.02;
const BATCH = 32;
const BUDGET = 256;
const { memory: shared, bells, end } = workerData as RingThreadData;
const mine = end * 32;
const peers = (1 - end) * 32;
const memory = guestMemory({ pages: LAYOUT.pages, buffer: shared.buffer, copy: copyWithin(shared) });
const bufferPage = 2 * LAYOUT.ringPages + 2 * end * LAYOUT.copyPages;
const bufferBytes = LAYOUT.copyPages * 4096;
const source = memory.find(bufferPage * 4096, bufferBytes, 3);
const sink = memory.find(bufferPage * 4096 + bufferBytes, bufferBytes, 3);

/** How long a thread has been looking in vain; the clock, dear in itself, is asked at every 32nd turn. */
class Spin {
  turns = 0;
  #until = 0;

  again(): boolean {
    if ((++this.turns & 31) !== 0) return true;
    const now = performance.now();
    if (this.turns === 32) this.#until = now + SPIN_MILLISECONDS;
    return now < this.#until;
  }
}

/** The end that runs now. One object for all rounds, so that its methods see one shape. */
class End {
  received = 0;
  sum = 0;
  readonly channel: RingChannel;
  readonly #job: RingJob;

  constructor(job: RingJob) {
    this.#job = job;
    const pages = 1 + dataPages(job.bytes);
    this.channel = new RingChannel({
      relid: 1,
      subchannelIndex: 0,
      userData: new Uint8Array(0),
      memory,
      incoming: pageRun(end * LAYOUT.ringPages, pages),
      outgoing: pageRun((1 - end) * LAYOUT.ringPages, pages),
      signal: ringPeer,
      pollSoon: () => {},
    });
    if (job.observed) this.channel.batches$.subscribe(() => void observedBatches++);
    this.channel.onPacket(job.kind === 'request' && end === 0 ? this.#answer : this.#take);
  }

  #take = (packet: Packet): boolean => {
    const { length } = packet;
    this.sum = (this.sum + packet.u32(0) + packet.u32(length - 4)) | 0;
    if (this.#job.copy) (packet as RingReader).moveTo(sink, length);
    this.received++;
    return true;
  };

  #answer = (packet: Packet, channel: unknown): boolean => {
    const { transactionLow, transactionHigh } = packet;
    const to = channel as RingChannel;
    if (!to.sendFrom(PacketType.Completion, 0, transactionLow, transactionHigh, source, this.#job.bytes)) {
      to.whenRoom(this.#job.bytes, () => to.resume());
      return false;
    }
    return this.#take(packet);
  };

  consume(): void {
    const { channel } = this;
    const idle = new Spin();
    while (Atomics.load(bells, STOP) === 0) {
      const before = this.received;
      if (channel.poll(BUDGET, true) || this.received !== before) {
        idle.turns = 0;
        continue;
      }
      if (idle.again()) continue;
      idle.turns = 0;
      const seen = Atomics.load(bells, mine);
      if (channel.poll(BUDGET) || this.received !== before) continue;
      sleep(seen);
    }
  }

  produce(): number {
    const { channel } = this;
    const { bytes, milliseconds } = this.#job;
    const quarter = (dataPages(bytes) * 4096) / 4;
    const until = performance.now() + milliseconds;
    let sent = 0;
    for (let turn = 1; ; turn++) {
      let n = 0;
      while (n < BATCH && channel.sendFrom(PacketType.InBand, 0, 0, 0, source, bytes)) n++;
      channel.flush();
      sent += n;
      if (n < BATCH) this.#waitRoom(bytes, Math.max(0, quarter - channel.packetBytes(bytes)));
      if ((turn & 15) === 0 && performance.now() >= until) return sent;
    }
  }

  request(): number {
    const { channel } = this;
    const { bytes, depth, milliseconds } = this.#job;
    const until = performance.now() + milliseconds;
    let sent = 0;
    const idle = new Spin();
    let room = true;
    for (let turn = 1; ; turn++) {
      let n = 0;
      while (n < BATCH && sent - this.received < depth) {
        if (!channel.sendFrom(PacketType.InBand, COMPLETION_REQUESTED, sent, 0, source, bytes)) break;
        n++;
        sent++;
      }
      if (n > 0) channel.flush();
      const before = this.received;
      channel.poll(BUDGET, true);
      if ((turn & 63) === 0 && performance.now() >= until) return this.received;
      if (n > 0 || this.received !== before) {
        idle.turns = 0;
        continue;
      }
      if (idle.again()) continue;
      idle.turns = 0;
      const seen = Atomics.load(bells, mine);
      channel.poll(BUDGET);
      if (this.received !== before) continue;
      if (sent - this.received < depth) {
        room = false;
        channel.whenRoom(bytes, () => void (room = true));
        if (room) continue;
      }
      sleep(seen);
    }
  }

  #waitRoom(bytes: number, more: number): void {
    const { channel } = this;
    for (const idle = new Spin(); idle.again();) if (channel.hasRoom(bytes, more)) return;
    let room = false;
    channel.whenRoom(bytes, () => void (room = true));
    while (!room) {
      const seen = Atomics.load(bells, mine);
      channel.poll(0);
      if (!room) sleep(seen);
    }
  }
}

let observedBatches = 0;

function ringPeer(): void {
  Atomics.add(bells, peers, 1);
  if (Atomics.load(bells, peers + 1) !== 0) Atomics.notify(bells, peers);
}

function sleep(seen: number): void {
  Atomics.store(bells, mine + 1, 1);
  if (Atomics.load(bells, STOP) === 0) Atomics.wait(bells, mine, seen);
  Atomics.store(bells, mine + 1, 0);
}

let now: End | undefined;
let current: RingJob | undefined;

parentPort!.on('message', (message: RingJob | 'go') => {
  if (message !== 'go') {
    current = message;
    now = new End(message);
    parentPort!.postMessage('ready');
  } else if (end === 0) {
    now!.consume();
    parentPort!.postMessage({ operations: now!.received, seconds: 0 });
  } else {
    const began = performance.now();
    const operations = current!.kind === 'one-way' ? now!.produce() : now!.request();
    const seconds = (performance.now() - began) / 1e3;
    Atomics.store(bells, STOP, 1);
    Atomics.add(bells, peers, 1);
    Atomics.notify(bells, peers);
    parentPort!.postMessage({ operations, seconds });
  }
});

parentPort!.postMessage(threadId());
