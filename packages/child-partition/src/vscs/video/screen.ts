/**
 * Screen: the driver of a synthetic video device, as Linux's `hyperv_drm` speaks it.
 *
 *     const screen = await guest.open(Screen);
 *     const canvas = await screen.show();          // of the resolution that the host would like
 *     canvas.fill(0, 0, 100, 100, 0xff8000);
 *     screen.flush();                              // whoever watches is told
 *
 * The picture lies in the guest's own memory; the host reads it there.
 */
import { Access, type GuestMemory, PAGE_SIZE } from '@ringlet/microkernel';
import {
  decodeResolutions,
  decodeSynthetic,
  encodeDirt,
  encodeSynthetic,
  FeatureChange,
  MOST_RESOLUTIONS,
  type Resolution,
  ResolutionRequest,
  VIDEO_MAJOR,
  VideoAck,
  VideoMessage,
  VideoSituation,
  VideoVersionRequest,
  videoVersion,
  VideoVersionResponse,
  VramLocation,
} from '@ringlet/protocols';
import { type Channel, interfaces, type Packet, PacketType } from '@ringlet/vmbus';
import { type Observable, Subject } from 'rxjs';
import { DeviceError, type DeviceFailure } from '../device-failure.ts';
import { Canvas } from './canvas.ts';

/** What the driver needs of the guest it runs in. */
export interface ScreenGuest {
  /** The guest's memory. */
  readonly memory: GuestMemory;
  /** Where the pages of the picture come from. */
  readonly pages: {
    /** Takes contiguous guest pages. @returns the first page number, or -1 */
    allocate(count: number): number;
    /** Gives pages back. */
    free(firstPage: number, count: number): void;
  };
}

const VERSION = videoVersion(VIDEO_MAJOR, 5);
const PIXEL = 4;
const DEPTH = 32;

/** Messages that are waited for, each by one at a time. */
type Answer = 'VersionResponse' | 'ResolutionResponse' | 'VramLocationAck';

/** A screen. */
export class Screen {
  /** The class of synthetic screens. */
  static readonly interfaceId: string = interfaces.video.interfaceId;
  /** 256 KiB each way, as Linux has it. */
  static readonly ringPages: number = 64;

  /** The host would rather have another resolution; {@link Screen.show} without arguments takes it. */
  readonly preferred$: Observable<Resolution>;

  readonly #channel: Channel;
  readonly #guest: ScreenGuest;
  readonly #preferred = new Subject<Resolution>();
  readonly #waiting = new Map<number, (payload: Uint8Array) => void>();
  #gone: ((error: Error) => void)[] = [];
  #resolutions: readonly Resolution[] = [];
  #canvas: Canvas | undefined;
  #page = -1;
  #pages = 0;
  #watched = false;
  #agreed: Promise<void> | undefined;
  #closed = false;
  /** Messages that were none. */
  malformed = 0;

  constructor(channel: Channel, guest: ScreenGuest) {
    this.#channel = channel;
    this.#guest = guest;
    this.preferred$ = this.#preferred.asObservable();
  }

  /** The resolutions that the host offers, the one it would like first; empty before the first {@link Screen.show}. */
  get resolutions(): readonly Resolution[] {
    return this.#resolutions;
  }

  /**
   * Shows a picture, black at first, instead of the one before it.
   *
   * @returns what to draw on
   * @throws DeviceError when the device cannot be used; Error when the guest has no memory left
   */
  async show(resolution?: Resolution): Promise<Canvas> {
    await (this.#agreed ??= this.#agree());
    const { width, height } = resolution ?? this.#resolutions[0]!;
    const pages = Math.ceil((width * height * PIXEL) / PAGE_SIZE);
    const page = this.#guest.pages.allocate(pages);
    if (page < 0) throw new Error(`no memory for a picture of ${width} by ${height}`);
    const pixels = this.#pixels(page, width * height);
    pixels.fill(0);
    const gpa = BigInt(page * PAGE_SIZE);
    const ack = await this.#ask(
      VideoMessage.VramLocation,
      VramLocation.encode({ context: gpa, specified: 1, gpa }),
      'VramLocationAck',
    );
    if (VideoAck.decode(ack)?.context !== gpa) throw this.#failure('malformed');
    if (this.#page >= 0) this.#guest.pages.free(this.#page, this.#pages);
    [this.#page, this.#pages] = [page, pages];
    const situation = { outputs: 1, active: 1, offset: 0, depth: DEPTH, width, height, pitch: width * PIXEL };
    this.#send(VideoMessage.SituationUpdate, VideoSituation.encode({ context: 0n, ...situation }));
    this.#channel.flush();
    this.#canvas = new Canvas(width, height, pixels);
    return this.#canvas;
  }

  /** Tells whoever watches what has changed on the canvas. What does not fit the ring is told next time. */
  flush(): void {
    const changes = this.#canvas?.takeChanges() ?? [];
    if (!this.#watched || changes.length === 0) return;
    if (!this.#send(VideoMessage.Dirt, encodeDirt(changes))) {
      for (const { left, top, right, bottom } of changes) this.#canvas!.touch(left, top, right - left, bottom - top);
    }
    this.#channel.flush();
  }

  // The guest runtime's.

  /** For the channel: one message of the screen. What is malformed is counted. */
  packet(packet: Packet): void {
    if (packet.type !== PacketType.InBand) return;
    const message = decodeSynthetic(packet.payload());
    if (message === undefined) {
      this.malformed++;
      return;
    }
    const answered = this.#waiting.get(message.type);
    if (answered) {
      this.#waiting.delete(message.type);
      return answered(message.payload.slice());
    }
    if (message.type === VideoMessage.FeatureChange) this.#features(message.payload);
  }

  /** For the channel: whoever waits for an answer is told that there will be none. */
  closed(): void {
    this.#closed = true;
    for (const refuse of this.#gone.splice(0)) refuse(this.#failure('closed'));
    this.#preferred.complete();
  }

  async #agree(): Promise<void> {
    const payload = await this.#ask(
      VideoMessage.VersionRequest,
      VideoVersionRequest.encode({ version: VERSION }),
      'VersionResponse',
    );
    const response = VideoVersionResponse.decode(payload);
    if (response === undefined || response.accepted === 0) throw this.#failure('refused');
    await this.#list();
  }

  async #list(): Promise<void> {
    const payload = await this.#ask(
      VideoMessage.ResolutionRequest,
      ResolutionRequest.encode({ most: MOST_RESOLUTIONS }),
      'ResolutionResponse',
    );
    const said = decodeResolutions(payload);
    if (said === undefined) throw this.#failure('malformed');
    const preferred = said.list[said.preferred]!;
    this.#resolutions = [preferred, ...said.list.filter((each) => each !== preferred)];
  }

  /** Which messages the host wants; and, as it describes its screen anew, perhaps another resolution. */
  #features(payload: Uint8Array): void {
    const wanted = FeatureChange.decode(payload);
    if (wanted === undefined) return;
    const watched = wanted.dirt !== 0;
    // Who begins to watch has seen nothing yet.
    if (watched && !this.#watched) this.#canvas?.touch(0, 0, this.#canvas.width, this.#canvas.height);
    this.#watched = watched;
    this.flush();
    if (payload.length > FeatureChange.size) this.#askAgain().catch(() => {});
  }

  async #askAgain(): Promise<void> {
    if (this.#waiting.has(VideoMessage.ResolutionResponse)) return;
    const before = this.#resolutions[0];
    await this.#list();
    const now = this.#resolutions[0]!;
    if (before?.width !== now.width || before.height !== now.height) this.#preferred.next(now);
  }

  #ask(type: number, payload: Uint8Array, answer: Answer): Promise<Uint8Array> {
    return new Promise((resolve, refuse) => {
      if (this.#closed) return refuse(this.#failure('closed'));
      this.#gone.push(refuse);
      this.#waiting.set(VideoMessage[answer], (answered) => {
        this.#gone = this.#gone.filter((each) => each !== refuse);
        resolve(answered);
      });
      this.#send(type, payload);
      this.#channel.flush();
    });
  }

  #send(type: number, payload: Uint8Array): boolean {
    return this.#channel.send(encodeSynthetic(type, payload, 8));
  }

  #pixels(page: number, count: number): Uint32Array {
    const { memory } = this.#guest;
    const at = memory.find(page * PAGE_SIZE, count * PIXEL, Access.ReadWrite);
    if (at < 0) throw new Error('a guest has its pages');
    return new Uint32Array(memory.bytes.buffer, memory.bytes.byteOffset + at, count);
  }

  #failure(reason: DeviceFailure): DeviceError {
    return new DeviceError('screen', reason);
  }
}
