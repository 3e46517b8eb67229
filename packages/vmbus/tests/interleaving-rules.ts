/**
 * What the two ends of a channel do in an exploration, and the rules of the protocol, each as text of the source that can
 * be taken out. The tests of the rings take them out one at a time; so can you: see `break-the-ring.ts`.
 */
import { readFileSync } from 'node:fs';
import { compileFunction } from 'node:vm';
import * as microkernel from '@ringlet/microkernel';
import * as wire from '@ringlet/wire';
import { type Plugin, build } from 'esbuild';
import * as rxjs from 'rxjs';
import type { RingChannel } from '../src/channel/ring-channel.ts';
import { bell, interceptedAtomics, type Program, type World } from '../src/ring/interleaving-explorer.ts';

/** One rule taken out: text of a source file, and what stands there instead. */
export type Removal = { file: string; from: string; to: string };

const modules: Record<string, unknown> = { '@ringlet/microkernel': microkernel, '@ringlet/wire': wire, rxjs };

/** Compiles the channel with the explorer's `Atomics`, and without these rules. */
export async function compile(...removals: Removal[]): Promise<typeof RingChannel> {
  const removed: Plugin = {
    name: 'removed-rules',
    setup: (pass) =>
      pass.onLoad({ filter: /\/src\/(ring|channel)\// }, ({ path }) => {
        let contents = readFileSync(path, 'utf8');
        for (const { file, from, to } of removals.filter((removal) => path.endsWith(removal.file))) {
          const parts = contents.split(from);
          if (parts.length !== 2) throw new Error(`${file} has this ${parts.length - 1} times, not once: ${from}`);
          contents = parts.join(to);
        }
        return { contents, loader: 'ts' };
      }),
  };
  const entryPoints = [new URL('../src/channel/ring-channel.ts', import.meta.url).pathname];
  const options = { bundle: true, write: false, format: 'cjs', target: 'es2022', packages: 'external' } as const;
  const { outputFiles } = await build({ ...options, entryPoints, plugins: [removed] });
  const module = { exports: {} as { RingChannel: typeof RingChannel } };
  const body = compileFunction(outputFiles[0]!.text, ['Atomics', 'require', 'module']);
  body(interceptedAtomics, (name: string) => modules[name], module);
  return module.exports.RingChannel;
}

// --- The programs: what threads that own an end of a channel do ---

const CONSUMER = 0;
const PRODUCER = 1;
// Packets of one size that divides the ring's, so that a place in the ring always holds the same bytes: what an end reads
// when it is run again must not depend on what the other wrote since.
/** One of these fits the ring. */
const MOST = new Uint8Array(2024);
/** Three of these fit the ring. */
export const THIRD = new Uint8Array(1000);
/** Seven of these fit, and two are returned to the producer at once. */
const SEVENTH = new Uint8Array(488);

type Next = 'finished' | 'sleep' | 'again';

/** A thread that owns one end: notes its doorbell, polls, works, and sleeps unless it rang since. */
function own(world: World, end: 0 | 1, channel: RingChannel, locals: () => unknown[], work: () => Next): void {
  for (;;) {
    world.checkpoint('awake', ...locals());
    const seen = world.access('load', bell(end));
    while (channel.poll(64));
    world.checkpoint('polled', seen, ...locals());
    const next = work();
    if (next === 'finished') return;
    world.checkpoint(next, seen, ...locals());
    if (next === 'sleep') world.sleep(end, seen);
  }
}

const consumer =
  (packets: number): Program =>
  (world) => {
    const channel = world.channel(CONSUMER);
    let received = 0;
    channel.onPacket(() => void received++);
    own(
      world,
      CONSUMER,
      channel,
      () => [received],
      () => (received === packets ? 'finished' : 'sleep'),
    );
  };

/** Looks by itself for a while, masked, before it does what a thread must that sleeps. */
const spinningConsumer =
  (packets: number): Program =>
  (world) => {
    const channel = world.channel(CONSUMER);
    let received = 0;
    let spun = false;
    channel.onPacket(() => void received++);
    for (;;) {
      world.checkpoint(received, spun);
      const seen = world.access('load', bell(CONSUMER));
      while (channel.poll(64, !spun));
      if (received === packets) return;
      world.checkpoint(received, spun, seen);
      if (spun) world.sleep(CONSUMER, seen);
      spun = !spun;
    }
  };

/** Looks at its doorbell only after it found nothing: a ring in between goes unnoticed. */
export const lateConsumer =
  (packets: number): Program =>
  (world) => {
    const channel = world.channel(CONSUMER);
    let received = 0;
    channel.onPacket(() => void received++);
    for (;;) {
      world.checkpoint(received);
      while (channel.poll(64));
      if (received === packets) return;
      world.sleep(CONSUMER, world.access('load', bell(CONSUMER)));
    }
  };

/** Leaves every packet once, as a device does that has no room for the answer, and resumes by itself. */
const hesitantConsumer =
  (packets: number): Program =>
  (world) => {
    const channel = world.channel(CONSUMER);
    let received = 0;
    let hesitates = true;
    channel.onPacket(() => {
      hesitates = !hesitates;
      if (hesitates) received++;
      return hesitates;
    });
    const work = (): Next => {
      if (received === packets) return 'finished';
      if (hesitates) return 'sleep';
      channel.resume();
      return 'again';
    };
    own(world, CONSUMER, channel, () => [received, hesitates], work);
  };

/** Sends until the ring is full, waits for room, and so on. */
export const producer =
  (packets: number, payload: Uint8Array, flushes: 'each-batch' | 'each-packet' | 'at-the-end'): Program =>
  (world) => {
    const channel = world.channel(PRODUCER);
    let sent = 0;
    let waiting = false;
    const work = (): Next => {
      while (!waiting && sent < packets) {
        if (channel.send(payload)) sent++;
        else {
          waiting = true;
          channel.whenRoom(payload.length, () => void (waiting = false));
        }
        if (flushes === 'each-packet') channel.flush();
      }
      if (flushes !== 'at-the-end' || sent === packets) channel.flush();
      return sent === packets ? 'finished' : 'sleep';
    };
    own(world, PRODUCER, channel, () => [sent, waiting], work);
  };

/** Answers each request; waits for room when the other ring is full of answers. */
const responder =
  (packets: number, answer: Uint8Array): Program =>
  (world) => {
    const channel = world.channel(CONSUMER);
    let answered = 0;
    channel.onPacket((packet) => {
      if (channel.complete(packet, answer)) {
        answered++;
        return true;
      }
      channel.whenRoom(answer.length, () => channel.resume());
      return false;
    });
    own(
      world,
      CONSUMER,
      channel,
      () => [answered],
      () => (answered === packets ? 'finished' : 'sleep'),
    );
  };

const requester =
  (packets: number, request: Uint8Array): Program =>
  (world) => {
    const channel = world.channel(PRODUCER);
    let sent = 0;
    let answered = 0;
    let waiting = false;
    channel.onPacket(() => void answered++);
    const work = (): Next => {
      while (!waiting && sent < packets) {
        if (channel.request(request, 0, 0)) sent++;
        else {
          waiting = true;
          channel.whenRoom(request.length, () => void (waiting = false));
        }
      }
      channel.flush();
      return answered === packets ? 'finished' : 'sleep';
    };
    own(world, PRODUCER, channel, () => [sent, answered, waiting], work);
  };

/** Programs for both ends, by what they make happen. */
export const scenarios: Record<string, readonly [Program, Program]> = {
  'a ring that is often full': [consumer(4), producer(4, THIRD, 'each-batch')],
  'a ring that holds one packet': [consumer(2), producer(2, MOST, 'each-batch')],
  'a ring that is often empty': [consumer(3), producer(3, THIRD, 'each-packet')],
  'a consumer that spins before it sleeps': [spinningConsumer(2), producer(2, MOST, 'each-packet')],
  'space that comes back two packets at a time': [consumer(8), producer(8, SEVENTH, 'each-batch')],
  'a sender that waits before it flushes': [consumer(2), producer(2, MOST, 'at-the-end')],
  'a consumer that leaves packets': [hesitantConsumer(3), producer(3, THIRD, 'each-packet')],
  'answers that fill their ring': [responder(2, MOST), requester(2, THIRD)],
};

/** A rule, how it is taken out, and the scenario that it is needed in. */
export type Rule = { rule: string; without: Removal; in: keyof typeof scenarios };

const READER = 'ring/ring-reader.ts';
const WRITER = 'ring/ring-writer.ts';
const RULES = 'ring/signalling.ts';
const CHANNEL = 'channel/ring-channel.ts';
const FULL = 'a ring that holds one packet';
const EMPTY = 'a ring that is often empty';

/** The rules of signalling, by the names that the tests have for them. */
export const rules: readonly Rule[] = [
  {
    rule: 'S3: the mask is cleared before sleeping',
    without: { file: READER, from: 'Atomics.store(this.#words, this.#control + Control.InterruptMask, 0);', to: '' },
    in: EMPTY,
  },
  {
    rule: 'S3: after the mask is cleared, the ring is looked at again',
    without: { file: READER, from: 'return this.waiting();', to: 'return false;' },
    in: EMPTY,
  },
  {
    rule: 'S3: the look is after the mask is cleared, not before',
    without: {
      file: READER,
      from: `    if (this.#masked) {
      this.#masked = false;`,
      to: `    if (this.#masked) {
      if (this.waiting()) return true;
      this.#masked = false;
      Atomics.store(this.#words, this.#control + Control.InterruptMask, 0);
      return false;`,
    },
    in: EMPTY,
  },
  {
    rule: 'S1: the producer signals when it ends an idle spell',
    without: { file: RULES, from: 'mask === 0 && readIndex === publishedBefore', to: 'false' },
    in: EMPTY,
  },
  {
    rule: 'S1: idle means that everything published before was read',
    without: { file: RULES, from: 'mask === 0 && readIndex === publishedBefore', to: 'mask === 0 && readIndex === 0' },
    in: EMPTY,
  },
  {
    rule: 'S1: the mask and the read index are loaded after the write index is stored',
    without: {
      file: WRITER,
      from: `    Atomics.store(this.#words, this.#control + Control.WriteIndex, after);
    if (Atomics.load(this.#words, this.#control + Control.InterruptMask) !== 0) return false;`,
      to: `    const mask = Atomics.load(this.#words, this.#control + Control.InterruptMask);
    Atomics.store(this.#words, this.#control + Control.WriteIndex, after);
    if (mask !== 0) return false;`,
    },
    in: EMPTY,
  },
  {
    rule: 'S2: the consumer signals when its commit crosses the pending send size',
    without: { file: RULES, from: 'wanted !== 0 && freeBefore < wanted && freeAfter >= wanted', to: 'false' },
    in: FULL,
  },
  {
    rule: 'S2: crossing includes reaching exactly what was asked for',
    without: { file: RULES, from: 'freeAfter >= wanted', to: 'freeAfter > 2 * wanted' },
    in: FULL,
  },
  {
    rule: 'S2: the pending send size is loaded after the read index is stored',
    without: {
      file: READER,
      from: `    Atomics.store(this.#words, this.#control + Control.ReadIndex, after);
    const pending = Atomics.load(this.#words, this.#control + Control.PendingSendSize);`,
      to: `    const pending = Atomics.load(this.#words, this.#control + Control.PendingSendSize);
    Atomics.store(this.#words, this.#control + Control.ReadIndex, after);`,
    },
    in: FULL,
  },
  {
    rule: 'S7: the pending send size is set before sleeping on a full ring',
    without: {
      file: WRITER,
      from: 'Atomics.store(this.#words, this.#control + Control.PendingSendSize, wanted);',
      to: '',
    },
    in: FULL,
  },
  {
    rule: 'S7: after the pending send size is set, the room is looked at again',
    without: {
      file: WRITER,
      from: '    return this.#load(bytes);\n  }\n\n  /** Asks for no more',
      to: '    return false;\n  }\n\n  /** Asks for no more',
    },
    in: FULL,
  },
  {
    rule: 'S8: no more is asked for than can ever be free',
    without: {
      file: WRITER,
      from: 'Math.min(Math.max(bytes, this.#size >> 2), this.#size - 8)',
      to: 'Math.max(bytes, this.#size)',
    },
    in: FULL,
  },
  {
    rule: 'R14: the producer declares that it uses the pending send size',
    without: {
      file: WRITER,
      from: 'Atomics.or(this.#words, this.#control + Control.FeatureBits, FEATURE_PENDING_SEND_SIZE);',
      to: '',
    },
    in: FULL,
  },
  {
    rule: 'S10: a wake-up serves those who wait for room, not the reader alone',
    without: { file: CHANNEL, from: '    this.#waiting.serve();\n', to: '' },
    in: FULL,
  },
  {
    rule: 'S13: a resume that comes while the handler still refuses counts',
    without: { file: CHANNEL, from: 'this.#paused = !this.#resumed;', to: 'this.#paused = true;' },
    in: 'answers that fill their ring',
  },
  {
    rule: 'what was written is published before the room it takes is waited for',
    without: {
      file: CHANNEL,
      from: '    this.flush();\n    return this.#waiting.add',
      to: '    return this.#waiting.add',
    },
    in: 'a sender that waits before it flushes',
  },
];
