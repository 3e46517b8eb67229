/** What tests of the platform build on: a platform whose clocks they move and whose callbacks they read. */
import { Platform } from './platform.ts';

export interface TestPlatform {
  readonly platform: Platform;
  readonly state: SharedArrayBuffer;
  /** Units of 100 ns, and milliseconds since 1970. */
  readonly time: { clock: number; wall: number };
  /** What the guest sent, and what happened to its machine, in order. */
  readonly sent: number[];
  readonly debug: number[];
  readonly events: string[];
  /** Interrupt messages that were sent: message and destination. */
  readonly interrupts: [message: number, destination: number][];
}

/** 2024-02-28, a Wednesday, 23:59:58 UTC. */
export const WALL = Date.UTC(2024, 1, 28, 23, 59, 58);

/** A platform that was just turned on. */
export function testPlatform(
  options: {
    readonly heldByRts?: boolean;
    readonly state?: SharedArrayBuffer;
    /** How many bytes are sent when the receiver is full. */
    readonly full?: () => number;
    /** Whether the processors take interrupts. */
    readonly accepts?: () => boolean;
  } = {},
): TestPlatform {
  const { heldByRts = false, state = Platform.createState(), full = () => Infinity, accepts = () => true } = options;
  const time = { clock: 0, wall: WALL };
  const [sent, debug, events]: [number[], number[], string[]] = [[], [], []];
  const interrupts: [number, number][] = [];
  const platform = new Platform({
    state,
    clock: { now: () => time.clock },
    wallClock: () => time.wall,
    output: (byte) => sent.push(byte) < full(),
    interrupt: (message, destination) => interrupts.push([message, destination]) > 0 && accepts(),
    debugOutput: (byte) => void debug.push(byte),
    powerOff: () => void events.push('power-off'),
    reset: () => void events.push('reset'),
    exit: (code) => void events.push(`exit ${code}`),
    heldByRts,
  });
  return { platform, state, time, sent, debug, events, interrupts };
}
