/**
 * Platform: what a PC has on its I/O ports and at fixed addresses, as far as guests without a BIOS look for it.
 *
 * Its state lies in one `SharedArrayBuffer`. Each thread that runs a VP of the machine attaches to it and answers that
 * VP's port accesses itself; none is sent to another thread. Of what a guest can do to end its machine, the ports are
 * here. Two more ways are the concern of whoever runs the processor: a triple fault, and a jump to the reset vector
 * (F000:FFF0 in real mode, where there is no firmware) are both a reset.
 *
 * The callbacks are called on the thread of the VP that wrote the port, within its OUT instruction. Those that end the
 * machine return; the instructions that follow must not run any more, and whoever runs the VP sees to that.
 */
import type { Clock } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';
import { AbsentPci, AbsentPic } from './absent-devices.ts';
import { DebugOutput } from './debug-output.ts';
import { ExitPort } from './exit-port.ts';
import { IO_APIC_WORDS, IoApic, type SavedIoApic } from './io-apic.ts';
import { INTERVAL_WORDS, IntervalTimer, type SavedIntervalTimer } from './interval-timer.ts';
import { KEYBOARD_CONTROLLER_WORDS, KeyboardController, type SavedKeyboardController } from './keyboard-controller.ts';
import { MemoryBus } from './memory-bus.ts';
import { PORT_BUS_WORDS, PortBus } from './port-bus.ts';
import { IO_APIC_BASE, Pin, Port } from './ports.ts';
import { POST_CODE_WORDS, PostCode, type SavedPostCode } from './post-code.ts';
import { PowerControl } from './power-control.ts';
import { CLOCK_WORDS, RealTimeClock, type SavedRealTimeClock } from './real-time-clock.ts';
import { RESET_CONTROL_WORDS, ResetControl, type SavedResetControl } from './reset-control.ts';
import { SERIAL_WORDS, SerialPort, type SavedSerialPort } from './serial-port.ts';

/** What a platform needs of the world. */
export interface PlatformWorld {
  /** From {@link Platform.createState}; the same for all threads of a machine. */
  readonly state: SharedArrayBuffer;
  /** Reference time, which the interval timer counts by. */
  readonly clock: Clock;
  /** Milliseconds since the start of 1970, UTC. */
  readonly wallClock: () => number;
  /** Takes a byte that the guest sent to its serial port. @returns `false` when the next should wait: see {@link SerialPort} */
  readonly output: (byte: number) => boolean;
  /** Sends a device's interrupt message to the machine's processors: see {@link IoApic}. Must not come back to the platform. */
  readonly interrupt: (message: number, destination: number) => boolean;
  /** Takes a byte that the guest wrote to the debug port. */
  readonly debugOutput: (byte: number) => void;
  /** The guest turned its machine off. */
  readonly powerOff: () => void;
  /** The guest asked for a reset. */
  readonly reset: () => void;
  /** The guest ended its machine with an exit code, 0-255. */
  readonly exit: (code: number) => void;
  /** Serial input waits until the guest sets RTS: see {@link SerialPort}. */
  readonly heldByRts?: boolean;
}

/** A platform of a machine that does not run. */
export interface SavedPlatform {
  /** The I/O APIC. */
  readonly ioApic: SavedIoApic;
  /** COM1. */
  readonly serial: SavedSerialPort;
  /** The clock with its CMOS memory. */
  readonly realTimeClock: SavedRealTimeClock;
  /** The 8254. */
  readonly intervalTimer: SavedIntervalTimer;
  /** Ports CF9h and 92h. */
  readonly resetControl: SavedResetControl;
  /** The 8042, as far as there is one. */
  readonly keyboardController: SavedKeyboardController;
  /** Port 80h. */
  readonly postCode: SavedPostCode;
}

/** Word at which each device's state starts; all are even. */
const At = tile({
  Bus: PORT_BUS_WORDS,
  IoApic: IO_APIC_WORDS,
  Serial: SERIAL_WORDS,
  RealTimeClock: CLOCK_WORDS,
  IntervalTimer: INTERVAL_WORDS,
  ResetControl: RESET_CONTROL_WORDS,
  KeyboardController: KEYBOARD_CONTROLLER_WORDS,
  PostCode: POST_CODE_WORDS,
  End: 0,
});

/** One thread's view of a machine's platform. */
export class Platform {
  /** What processors reach by IN and OUT. */
  readonly ports: PortBus;
  /** What they reach by memory accesses. */
  readonly memory: MemoryBus;
  /** The I/O APIC, for whoever raises lines. */
  readonly ioApic: IoApic;
  /** COM1, for whoever is at its other end. */
  readonly serial: SerialPort;
  readonly #realTimeClock: RealTimeClock;
  readonly #intervalTimer: IntervalTimer;
  readonly #resetControl: ResetControl;
  readonly #keyboardController: KeyboardController;
  readonly #postCode: PostCode;

  /** Makes the state of a machine that was just turned on. */
  static createState(): SharedArrayBuffer {
    const state = new SharedArrayBuffer(At.End * 4);
    const nothing = (): void => {};
    const still = { now: () => 0 };
    const world = {
      state,
      clock: still,
      wallClock: () => 0,
      output: () => true,
      debugOutput: nothing,
      interrupt: () => false,
    };
    new Platform({ ...world, powerOff: nothing, reset: nothing, exit: nothing }).reset();
    return state;
  }

  constructor(world: PlatformWorld) {
    const { state, clock, wallClock, output, debugOutput, interrupt, powerOff, reset, exit, heldByRts = false } = world;
    invariant(state.byteLength === At.End * 4, 'the buffer holds the state of a platform');
    const words = (at: number, count: number): Int32Array => new Int32Array(state, at * 4, count);
    this.ioApic = new IoApic({ words: words(At.IoApic, IO_APIC_WORDS), base: IO_APIC_BASE, interrupt });
    this.memory = new MemoryBus([this.ioApic]);
    this.serial = new SerialPort({
      words: words(At.Serial, SERIAL_WORDS),
      firstPort: Port.Com1,
      output,
      line: (high) => this.ioApic.setLine(Pin.Com1, high),
      heldByRts,
    });
    this.#realTimeClock = new RealTimeClock({ words: words(At.RealTimeClock, CLOCK_WORDS), wallClock });
    this.#intervalTimer = new IntervalTimer({ words: words(At.IntervalTimer, INTERVAL_WORDS), clock });
    this.#resetControl = new ResetControl({ words: words(At.ResetControl, RESET_CONTROL_WORDS), reset });
    this.#keyboardController = new KeyboardController({
      words: words(At.KeyboardController, KEYBOARD_CONTROLLER_WORDS),
      reset,
    });
    this.#postCode = new PostCode({ words: words(At.PostCode, POST_CODE_WORDS) });
    this.ports = new PortBus(words(At.Bus, PORT_BUS_WORDS), [
      this.serial,
      this.#realTimeClock,
      this.#intervalTimer,
      this.#resetControl,
      this.#keyboardController,
      this.#postCode,
      new DebugOutput({ output: debugOutput }),
      new PowerControl({ powerOff, reset }),
      new ExitPort({ exit }),
      new AbsentPic(),
      new AbsentPci(),
    ]);
  }

  /** What a reset button does: registers as after power-up. Serial input that waits stays, and so does the clock's memory. */
  reset(): void {
    this.ioApic.reset();
    this.serial.reset();
    this.#realTimeClock.reset();
    this.#intervalTimer.reset();
    this.#resetControl.reset();
    this.#keyboardController.reset();
    this.#postCode.reset();
  }

  /** Everything that `restore` needs. While nothing runs. */
  save(): SavedPlatform {
    return {
      ioApic: this.ioApic.save(),
      serial: this.serial.save(),
      realTimeClock: this.#realTimeClock.save(),
      intervalTimer: this.#intervalTimer.save(),
      resetControl: this.#resetControl.save(),
      keyboardController: this.#keyboardController.save(),
      postCode: this.#postCode.save(),
    };
  }

  /** Takes a saved state, before any VP of the machine runs. */
  restore(saved: SavedPlatform): void {
    this.ioApic.restore(saved.ioApic);
    this.serial.restore(saved.serial);
    this.#realTimeClock.restore(saved.realTimeClock);
    this.#intervalTimer.restore(saved.intervalTimer);
    this.#resetControl.restore(saved.resetControl);
    this.#keyboardController.restore(saved.keyboardController);
    this.#postCode.restore(saved.postCode);
  }

  /** What a person debugging wants to see; no side effects. */
  inspect(): Record<string, unknown> {
    return {
      ports: this.ports.inspect(),
      ioApic: this.ioApic.inspect(),
      serial: this.serial.inspect(),
      realTimeClock: this.#realTimeClock.inspect(),
      intervalTimer: this.#intervalTimer.inspect(),
      resetControl: this.#resetControl.inspect(),
      keyboardController: this.#keyboardController.inspect(),
      postCode: this.#postCode.inspect(),
    };
  }
}

/** Lays areas of so many words one after the other, each at an even word. */
function tile<Name extends string>(sizes: Readonly<Record<Name, number>>): Readonly<Record<Name, number>> {
  const at: Partial<Record<Name, number>> = {};
  let next = 0;
  for (const name of Object.keys(sizes) as Name[]) {
    at[name] = next;
    next += sizes[name] + (sizes[name] & 1);
  }
  return at as Record<Name, number>;
}
