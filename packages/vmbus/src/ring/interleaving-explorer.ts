/**
 * Interleaving explorer: runs the two ends of a channel through every order of their accesses to shared words.
 *
 * Both ends are compiled with an `Atomics` of ours, {@link interceptedAtomics}. An end runs until it wants to touch a
 * shared word; the explorer then chooses which end goes next, carries out that one access, and runs the end again from
 * its beginning with the answers that it had so far. Breadth first over all choices, states seen before left out, this
 * visits everything that two threads can do to each other. A state in which nobody can move and somebody sleeps is a
 * lost wake-up.
 *
 * A test's instrument. It needs no host, and lives beside the rings because it knows where their words are.
 */
import { PAGE_SIZE } from '@ringlet/microkernel';
import type { RingChannel } from '../channel/ring-channel.ts';
import { Control } from './layout.ts';
import { guestMemory, pageRun } from './ring-fixture.ts';

// The shared words: two ring headers, and two doorbells of a counter and a "sleeping" flag.

/** A scenario with more states than this is too large to be explored in seconds. */
const MOST_STATES = 100_000;
const HEADER_WORDS = 17;
const BELLS = 2 * HEADER_WORDS;
const RING_PAGES = 2;
const memory = guestMemory({ pages: 2 * RING_PAGES });
const headers = [0, RING_PAGES].map((page) => memory.find(page * PAGE_SIZE, PAGE_SIZE, 1) / 4);
/** The shared word that counts how often an end was rung for. */
export const bell = (end: number): number => BELLS + 2 * end;
const sleeping = (end: number): number => BELLS + 2 * end + 1;

/** A shared word in words. */
export function describeWord(word: number): string {
  if (word >= BELLS) {
    const whose = word - BELLS < 2 ? "consumer's" : "producer's";
    return (word - BELLS) % 2 === 0 ? `the ${whose} doorbell` : `"the ${whose} thread sleeps"`;
  }
  const ring = word < HEADER_WORDS ? '' : ' of the way back';
  return `${FIELDS[word % HEADER_WORDS] ?? `word ${word % HEADER_WORDS}`}${ring}`;
}

const FIELDS: Readonly<Record<number, string>> = {
  [Control.WriteIndex]: 'write index',
  [Control.ReadIndex]: 'read index',
  [Control.InterruptMask]: 'interrupt mask',
  [Control.PendingSendSize]: 'pending send size',
  [Control.FeatureBits]: 'feature bits',
};

/** Where a word of guest memory is among the shared words. */
function shared(index: number): number {
  const ring = headers.findIndex((header) => index >= header && index < header + HEADER_WORDS);
  return ring * HEADER_WORDS + index - headers[ring]!;
}

type Access = { kind: 'load' | 'store' | 'exchange' | 'or' | 'add' | 'wait' | 'notify'; word: number; value: number };
/** Answers to the accesses so far, newest first. */
type History = { answer: number; before: History; length: number } | undefined;
type Ended = { next: Access | undefined; snapshot: number; checkpoints: number; since: number };

/** Snapshots are long and few: a short name for each. */
const names = new Map<string, number>();
function nameOf(snapshot: string): number {
  const known = names.get(snapshot);
  if (known !== undefined) return known;
  names.set(snapshot, names.size + 1);
  return names.size;
}

const STOP = new Error('stopped at a shared access');

/** What a program under exploration may use. */
export interface World {
  access(kind: Access['kind'], word: number, value?: number): number;
  channel(end: 0 | 1): RingChannel;
  /**
   * From here on, all of the program's own state is in these values and in what the channel shows of itself: two ways
   * that lead here with the same values go on as one. More checkpoints, fewer states.
   */
  checkpoint(...locals: unknown[]): void;
  /** Sleeps unless the doorbell of this end has rung since `seen`. */
  sleep(end: 0 | 1, seen: number): void;
}
/** What a thread that owns one end does, from its first access to its last. */
export type Program = (world: World) => void;

const initial = new Int32Array(BELLS + 4);

/** Answers an access, or stops the end that runs now. Exchanged for each run: both ends are one compiled module. */
let access: World['access'] = () => {
  throw STOP;
};
/** Stands for `Atomics` in the code under exploration. */
export const interceptedAtomics = {
  load: (_: unknown, index: number) => access('load', shared(index)),
  store: (_: unknown, index: number, value: number) => access('store', shared(index), value),
  exchange: (_: unknown, index: number, value: number) => access('exchange', shared(index), value),
  or: (_: unknown, index: number, value: number) => access('or', shared(index), value),
};

/** Runs a program with a history of answers. @returns what it wants to do next; nothing when it has finished. */
function replay(Made: typeof RingChannel, program: Program, history: History, known: Ended): Ended {
  const answers: number[] = [];
  for (let step = history; step !== undefined; step = step.before) answers.push(step.answer);
  let at = answers.length;
  let opening: Int32Array | undefined;
  const ended: Ended = { next: undefined, snapshot: known.snapshot, checkpoints: 0, since: known.since };
  let channel: RingChannel | undefined;

  access = (kind, word, value = 0) => {
    if (opening !== undefined) return apply(opening, { kind, word, value });
    if (at > 0) return answers[--at]!;
    ended.next ??= { kind, word, value };
    throw STOP;
  };
  const world: World = {
    access,
    channel(end) {
      const peer = 1 - end;
      // Opening is one after the other on a real bus, so that it is not explored.
      opening = initial;
      channel = new Made({
        relid: 1,
        subchannelIndex: 0,
        userData: new Uint8Array(0),
        memory,
        incoming: pageRun(end * RING_PAGES, RING_PAGES),
        outgoing: pageRun(peer * RING_PAGES, RING_PAGES),
        signal() {
          access('add', bell(peer), 1);
          if (access('load', sleeping(peer)) !== 0) access('notify', bell(peer));
        },
        pollSoon: () => {},
      });
      opening = undefined;
      return channel;
    },
    checkpoint(...locals) {
      if (++ended.checkpoints <= known.checkpoints) return;
      const { statistics: _, ...state } = channel!.inspect();
      ended.snapshot = nameOf(JSON.stringify([locals, state]));
      ended.since = answers.length - at;
    },
    sleep(end, seen) {
      access('store', sleeping(end), 1);
      access('wait', bell(end), seen);
      access('store', sleeping(end), 0);
    },
  };
  try {
    program(world);
  } catch (thrown) {
    if (thrown !== STOP) throw thrown;
  }
  return ended;
}

/** Carries out one access on shared words. */
function apply(words: Int32Array, { kind, word, value }: Access): number {
  const was = words[word]!;
  if (kind === 'store' || kind === 'exchange') words[word] = value;
  else if (kind === 'or') words[word] = was | value;
  else if (kind === 'add') words[word] = was + value;
  return was;
}

type End = { history: History; ended: Ended; asleep: boolean; key: string };
/** One access of one end, with what was there before it. */
export type Step = Access & { end: number; answer: number };
type State = { words: Int32Array; ends: [End, End]; by: Step | undefined; before: State | undefined };

function keyOf({ history, ended, asleep }: Omit<End, 'key'>): string {
  let key = `${ended.snapshot}${asleep ? 'z' : ended.next === undefined ? '.' : ''}`;
  for (let step = history; step !== undefined && step.length > ended.since; step = step.before)
    key += `,${step.answer}`;
  return key;
}

/** What an exploration found. */
export type Verdict = { states: number; lost: Step[] | undefined };

/** Explores two programs: the first owns end 0, the second end 1. @returns how many states there are, and the way to the first lost wake-up, if there is one. */
export function explore(Made: typeof RingChannel, programs: readonly [Program, Program]): Verdict {
  initial.fill(0);
  const start = programs.map((program): End => {
    const ended = replay(Made, program, undefined, { next: undefined, snapshot: 0, checkpoints: 0, since: 0 });
    const end = { history: undefined, ended, asleep: false };
    return { ...end, key: keyOf(end) };
  }) as [End, End];
  const queue: State[] = [{ words: initial.slice(), ends: start, by: undefined, before: undefined }];
  const seen = new Set<string>();
  for (let i = 0; i < queue.length; i++) {
    const state = queue[i]!;
    if (i > MOST_STATES) throw new Error(`more than ${i} states`);
    const moving = [0, 1].filter((e) => state.ends[e]!.ended.next !== undefined && !state.ends[e]!.asleep);
    if (moving.length === 0 && state.ends.some((end) => end.asleep)) return { states: seen.size, lost: path(state) };
    for (const e of moving) {
      const next = move(Made, programs, state, e);
      const key = `${String.fromCharCode(...next.words)}|${next.ends[0].key}|${next.ends[1].key}`;
      if (seen.has(key)) continue;
      seen.add(key);
      queue.push(next);
    }
  }
  return { states: seen.size, lost: undefined };
}

function move(Made: typeof RingChannel, programs: readonly Program[], state: State, e: number): State {
  const words = state.words.slice();
  const ends: [End, End] = [state.ends[0], state.ends[1]];
  const access = ends[e]!.ended.next!;
  const resume = (which: number, answer: number): void => {
    const { history: before, ended: known } = ends[which]!;
    const history = { answer, before, length: (before?.length ?? 0) + 1 };
    const end = { history, ended: replay(Made, programs[which]!, history, known), asleep: false };
    ends[which] = { ...end, key: keyOf(end) };
  };
  const answer = apply(words, access);
  const by = { end: e, ...access, answer };
  if (access.kind === 'wait' && answer === access.value) {
    const end = { ...ends[e]!, asleep: true };
    ends[e] = { ...end, key: keyOf(end) };
    return { words, ends, by, before: state };
  }
  if (access.kind === 'notify' && ends[1 - e]!.asleep) resume(1 - e, 0);
  resume(e, answer);
  return { words, ends, by, before: state };
}

function path(state: State | undefined): Step[] {
  const steps: Step[] = [];
  for (; state?.by !== undefined; state = state.before) steps.unshift(state.by);
  return steps;
}
