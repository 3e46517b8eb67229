/** A machine's screen, keyboard and mouse: the devices, and what the outside may ask of them. */
import type { Microkernel } from '@ringlet/microkernel';
import { type KeyStroke, MOUSE_RANGE, type MouseReport, type Rectangle, type Resolution } from '@ringlet/protocols';
import type { Vsp } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import type { MemoryRange } from '../boot/memory-map.ts';
import Keyboard from '../vsps/keyboard/keyboard.ts';
import Mouse from '../vsps/mouse/mouse.ts';
import type { Picture, Surface } from '../vsps/video/surface.ts';
import Video from '../vsps/video/video.ts';
import type { Delivery } from '../vsps/input/event-queue.ts';
import { DisplayMemory, type PageRun } from './display-memory.ts';
import type { Answers, MachinePart, WorldOf } from './machine-part.ts';
import { type DisplayEvent, ScreenReports } from './screen-reports.ts';

/** A machine's display: plain data. */
export interface DisplayDescription {
  /** The resolution that the guest is told to choose. */
  readonly preferred: Resolution;
  /** Memory of its video card, where it has one; pictures lie in the guest's own memory otherwise. */
  readonly vram?: PageRun & {
    /** Address space of the guest in which it may lie. */
    readonly windows: readonly MemoryRange[];
  };
}

/** What a mouse is to do: in pixels of the picture; what is left out stays as it is. */
export interface MouseChange {
  /** From the left edge. */
  readonly x?: number;
  /** From the upper edge. */
  readonly y?: number;
  /** `MouseButton` bits that go down. */
  readonly press?: number;
  /** `MouseButton` bits that come up. */
  readonly release?: number;
  /** Notches, away from the user. */
  readonly wheel?: number;
}

/** What the outside may ask: name, parameters and answer of each request. */
export interface DisplayRequests {
  /** The picture, or a part of it. @throws UserError `display-off` when the guest shows none */
  screenshot(parameters: { part?: Rectangle }): Picture;
  /** Starts and stops `display-dirty` events. */
  watchDisplay(parameters: { watched: boolean }): void;
  /** Would like another resolution. @throws UserError when it does not fit the memory of the video card */
  preferResolution(parameters: Resolution): void;
  /** Presses and releases keys. Answered when the guest has them all. @throws UserError */
  pressKeys(parameters: { strokes: readonly KeyStroke[] }): void;
  /** Moves and clicks. Answered when the guest has it all. @throws UserError */
  useMouse(parameters: { changes: readonly MouseChange[] }): void;
}

/** What a machine's display is made with. */
export interface MachineDisplayOptions {
  readonly kernel: Microkernel;
  readonly partition: number;
  readonly world: WorldOf;
  /** Told of changes of the screen. */
  readonly report: (event: DisplayEvent) => void;
}

/** The devices in front of which a person would sit. */
export class MachineDisplay implements MachinePart<DisplayRequests> {
  readonly vsps: readonly Vsp[];
  readonly #reports: ScreenReports;
  readonly #memory: DisplayMemory | undefined;
  readonly #video: Video;
  readonly #keyboard: Keyboard;
  readonly #mouse: Mouse;

  constructor({ preferred, vram }: DisplayDescription, options: MachineDisplayOptions) {
    const { kernel, partition, world, report } = options;
    const ofVideo = world('video');
    this.#reports = new ScreenReports((ticks, run) => ofVideo.after(ticks, run), report);
    this.#memory = vram && new DisplayMemory(kernel, partition, vram.windows, vram);
    this.#video = new Video(ofVideo, {
      preferred,
      ...(this.#memory && { memory: this.#memory }),
      surfaceChanged: (surface) => this.#reports.mode(surface && sizeOf(surface)),
      dirty: (parts) => this.#reports.dirty(parts),
    });
    this.#keyboard = new Keyboard(world('keyboard'));
    this.#mouse = new Mouse(world('mouse'));
    this.vsps = [this.#video, this.#keyboard, this.#mouse];
  }

  /** Plain data. */
  inspect(): Record<string, unknown> {
    const [video, keyboard, mouse] = [this.#video, this.#keyboard, this.#mouse].map((device) => device.inspect());
    return { display: { video, keyboard, mouse } };
  }

  suspend(): void {
    this.#memory?.withdraw();
  }

  dispose(done: () => void): void {
    this.#reports.end();
    done();
  }

  readonly answers: Answers<DisplayRequests> = {
    screenshot: ({ part }) => {
      this.#surface();
      const picture = this.#video.picture(part);
      if (picture === undefined) {
        throw new UserError('display-part-empty', 'nothing of the screen is in that part of it', {
          hint: 'the upper left corner is 0, 0',
        });
      }
      return picture;
    },
    watchDisplay: ({ watched }) => this.#video.watch(watched),
    preferResolution: (resolution) => {
      if (this.#video.prefer(resolution)) return;
      const { width, height } = resolution;
      throw new UserError('display-too-large', `the video card has no memory for ${width}x${height}`, {
        hint: 'start the machine with that resolution: --display WIDTHxHEIGHT',
      });
    },
    pressKeys: ({ strokes }) => delivered('keyboard', 'hyperv_keyboard', (done) => this.#keyboard.press(strokes, done)),
    useMouse: ({ changes }) => {
      const moves = changes.some(({ x, y }) => x !== undefined || y !== undefined);
      const surface = moves ? this.#surface() : undefined;
      let { buttons } = this.#mouse.last;
      const reports = changes.map((change) => {
        buttons = (buttons | (change.press ?? 0)) & ~(change.release ?? 0);
        return { ...reportOf(change, surface), buttons };
      });
      return delivered('mouse', 'hid_hyperv', (done) => this.#mouse.report(reports, done));
    },
  };

  /** @throws UserError */
  #surface(): Surface {
    const { surface } = this.#video;
    if (surface !== undefined) return surface;
    throw new UserError('display-off', 'the guest shows no picture', {
      hint: 'it has no driver for its video card yet: hyperv_fb or hyperv_drm in Linux',
    });
  }
}

/** What a machine without a display answers to all of them. */
function absent(): never {
  throw new UserError('display-absent', 'the machine has no display', {
    hint: 'it was started with --display none',
  });
}

/** A machine without a display. */
export const NO_DISPLAY: MachinePart<DisplayRequests> = {
  vsps: [],
  answers: {
    screenshot: absent,
    watchDisplay: absent,
    preferResolution: absent,
    pressKeys: absent,
    useMouse: absent,
  },
  inspect: () => ({}),
};

const sizeOf = ({ width, height }: Surface): { width: number; height: number } => ({ width, height });

/** Middle of a pixel, of the whole way from one edge to the other. */
const position = (pixel: number, pixels: number): number =>
  Math.floor(((Math.min(Math.max(pixel, 0), pixels - 1) + 0.5) * (MOUSE_RANGE + 1)) / pixels);

function reportOf({ x, y, wheel }: MouseChange, surface: Surface | undefined): Partial<MouseReport> {
  return {
    ...(x !== undefined && surface && { x: position(x, surface.width) }),
    ...(y !== undefined && surface && { y: position(y, surface.height) }),
    ...(wheel !== undefined && { wheel }),
  };
}

/** Waits until the guest has what it was given. @throws UserError */
async function delivered(
  device: 'keyboard' | 'mouse',
  driver: string,
  give: (done: (delivery: Delivery) => void) => 'taken' | 'not-ready' | 'full',
): Promise<void> {
  let given: ReturnType<typeof give> | undefined;
  const delivery = await new Promise<Delivery>((resolve) => {
    given = give(resolve);
    if (given !== 'taken') resolve('closed');
  });
  if (delivery === 'delivered') return;
  if (given === 'full') {
    throw new UserError(`${device}-full`, `the guest does not take what its ${device} sends`, {
      hint: 'it is stuck, or busy: wait, and look at it with ringlet console or screenshot',
    });
  }
  throw new UserError(`${device}-not-ready`, `the guest has no driver for its ${device} yet`, {
    hint: `wait until it has booted; in Linux the driver is ${driver}`,
  });
}
