/** What the control socket and the command line need of a machine. `Machine` is one; tests bring smaller ones. */
import type { MemoryReport, Picture, Rectangle } from '@ringlet/root-partition';
import type { Observable } from 'rxjs';
import type { DiskOption } from '../configuration/options.ts';
import type { ViewOptions, Views } from '../viewer/viewers.ts';
import type { Debugger } from '../debug/machine-debugger.ts';
import type { ControllableTrace } from './controllable-trace.ts';
import type { ControllableGuest } from './controllable-guest.ts';

/** Where a machine is in its life. */
export type MachineState = 'created' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';

/** How a machine ended. */
export type MachineResult =
  | { readonly reason: 'power-off'; readonly code: number }
  | { readonly reason: 'reset' }
  | { readonly reason: 'crash'; readonly message: string }
  | { readonly reason: 'killed' }
  /** A replay was not what had been recorded. */
  | { readonly reason: 'diverged'; readonly message: string };

/** What an orderly shutdown may be told. */
export interface ShutdownOptions {
  /** Come back up afterwards. */
  readonly reboot?: boolean;
  /** The guest may not refuse for the sake of unsaved work. */
  readonly force?: boolean;
  /** Milliseconds after which the machine is turned off all the same. */
  readonly timeoutMs?: number;
}

/** What a restart may be told. */
export interface RebootOptions {
  /** Does not ask the guest: as a reset button. */
  readonly force?: boolean;
  /** Milliseconds after which the machine is reset all the same. */
  readonly timeoutMs?: number;
}

/** What a guest shows, as far as controlling it goes. */
export interface ControllableDisplay {
  /** The picture, or a part of it in pixels. @throws UserError `display-absent`, `display-off` */
  screenshot(part?: Rectangle): Promise<Picture>;
  /** Tells the guest which size it should have, in pixels. Whether it follows is its own decision. */
  prefer(width: number, height: number): Promise<void>;
}

/** A guest's keyboard. */
export interface ControllableKeyboard {
  /** Types a text. Resolves when the guest has been given the last key. */
  type(text: string, options?: TypeOptions): Promise<void>;
  /** Presses chords one after the other: `ctrl-alt-f2`. */
  press(...chords: readonly string[]): Promise<void>;
}

/** A guest's mouse. */
export interface ControllableMouse {
  /** Moves, presses, releases, clicks or turns the wheel, in this order. */
  act(...actions: readonly MouseAction[]): Promise<void>;
}

/** How to type. */
export interface TypeOptions {
  /** Sends characters that no key has as themselves. Windows takes them, Linux does not. */
  readonly unicode?: boolean;
}

/** A button of a mouse. */
export type MouseButtonName = 'left' | 'right' | 'middle' | 'back' | 'forward';

/** Something done with a mouse. Positions are pixels of the guest's screen. */
export type MouseAction =
  | { readonly action: 'move'; readonly x: number; readonly y: number }
  | { readonly action: 'click' | 'press' | 'release'; readonly button: MouseButtonName }
  /** Notches of the wheel; away from the user is positive. */
  | { readonly action: 'scroll'; readonly notches: number };

/** Where a disk of a machine hangs. */
export interface DiskPlace {
  /** Number of the storage controller, 0 to 3. */
  readonly controller: number;
  /** SCSI target on it, 0 or 1. */
  readonly target: number;
  /** Logical unit of the target, 0 to 63. */
  readonly lun: number;
}

/** The disks of a machine that runs. */
export interface ControllableDisks {
  /** Adds a disk, which the guest finds by itself. @returns where it hangs. @throws UserError */
  attach(disk: DiskOption): Promise<DiskPlace>;
  /** Takes a disk away, ready or not: the guest's requests to it fail. Resolves when its image is closed. */
  detach(place: DiskPlace): Promise<void>;
  /** Gives a disk another size in bytes, a multiple of its sectors; the guest is told. @throws UserError */
  resize(place: DiskPlace, bytes: number): Promise<void>;
}

/** The devices from files of a machine that runs. */
export interface ControllableDevices {
  /** Absolute paths, each once. */
  readonly files: readonly string[];
  /**
   * Puts the new version of a file in the place of the device that runs.
   *
   * @throws UserError, and then the old one runs on
   */
  reload(file: string): Promise<void>;
  /** The files that a device's file is made of. @throws UserError */
  sources(file: string): Promise<readonly string[]>;
}

/** Servers through which people look at a machine. */
export interface ControllableViewers {
  /** Starts to listen; what listens already is kept. @returns where to look */
  open(options?: ViewOptions): Promise<Views>;
  /** Ends every view. */
  close(): Promise<void>;
}

/** The memory of a machine that runs. */
export interface ControllableMemory {
  /** How the memory is now. */
  report(): Promise<MemoryReport>;
  /**
   * Gives the guest that many bytes, or what it needs (`pressure`). Resolves at once: the guest takes its time.
   *
   * @throws UserError
   * `memory-fixed`, `memory-target-invalid`
   */
  set(bytes: number | 'pressure'): Promise<MemoryReport>;
}

/** A machine, as far as controlling it goes. */
export interface Controllable {
  /** Its name, which no other machine of this user has. */
  readonly name: string;
  /** The state now, and each later one. */
  readonly state$: Observable<MachineState>;
  /** What the guest prints, in pieces of any size. */
  readonly console$: Observable<string>;
  /** What happens: plain data, JSON-able, told apart by `type`. */
  readonly events$: Observable<{ readonly type: string }>;
  /** Fulfilled once the machine has ended, however it did. */
  readonly finished: Promise<MachineResult>;
  /** Types at the guest's console: text, or the bytes of keys. Guest modules have no console input, and get nothing. */
  write(data: string | Uint8Array): void;
  /** Settles when the guest has taken what was typed, but for 64 KiB, or has ended: who types much waits for it. */
  inputTaken(): Promise<void>;
  /** Its disks. */
  readonly disks: ControllableDisks;
  /** Its screen. */
  readonly display: ControllableDisplay;
  /** Its keyboard. */
  readonly keyboard: ControllableKeyboard;
  /** Its mouse. */
  readonly mouse: ControllableMouse;
  /** Who looks at it in a browser or by VNC. */
  readonly viewers: ControllableViewers;
  /** Where gdb is waited for. */
  readonly debugger: Debugger;
  /** Its memory. */
  readonly memory: ControllableMemory;
  /** Its guest's integration components. */
  readonly guest: ControllableGuest;
  /** What its threads traced. */
  readonly tracing: ControllableTrace;
  /** Asks the guest, through its shutdown integration component, and waits until it is off. */
  shutdown(options?: ShutdownOptions): Promise<void>;
  /** Starts it again, in place: asks the guest, or resets it at once. Resolves when the guest starts again. */
  reboot(options?: RebootOptions): Promise<void>;
  /** Pulls the plug. */
  powerOff(): Promise<void>;
  /** Plain data about the machine, or about the part of it at `path` (parts joined by `/`). */
  inspect(path?: string): Promise<unknown>;
}
