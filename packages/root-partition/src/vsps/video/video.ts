/**
 * Video VSP: the screen of a guest. The guest says where its picture lies, what shape it has and what has changed; the
 * picture itself is read from the memory that both share.
 *
 *     closed ──opened──▶ negotiating ──version 3.x──▶ agreed ──VRAM location──▶ placed ──situation──▶ a picture
 *        ▲                    │ any other: refused              ▲        │
 *        └────── closed ──────┴── anywhere                      └ any of these again, at any time
 *
 * Which messages the guest sends is the host's choice: changes of the picture only while somebody watches.
 */
import {
  decodeDirt,
  decodeSynthetic,
  encodeResolutions,
  encodeSynthetic,
  FeatureChange,
  PointerPosition,
  type Rectangle,
  type Resolution,
  ResolutionRequest,
  VIDEO_MAJOR,
  VIDEO_MESSAGE_BYTES,
  VideoAck,
  VideoBiosInfo,
  VideoCapabilities,
  VideoMessage,
  VideoSituation,
  VideoVersionRequest,
  VideoVersionResponse,
  VramLocation,
} from '@ringlet/protocols';
import { type Channel, type DeviceWorld, interfaces, type Packet, PacketType, type Vsp } from '@ringlet/vmbus';
import { makeEdid } from './edid.ts';
import { PointerAssembly, type PointerShape } from './pointer.ts';
import { DEFAULT_RESOLUTION, resolutionsFor, videoMemoryBytes } from './resolutions.ts';
import { overlap, whole } from './rectangles.ts';
import { type Picture, readPicture, type Surface, surfaceOf } from './surface.ts';
import { GuestVideoMemory, type VideoMemory } from './video-memory.ts';

const MIB = 1024 * 1024;
/** Longest answer: the list of resolutions. */
const LONGEST_ANSWER = 512;
/** From this minor version on, a change of features ends with a description of the screen. */
const MINOR_WITH_EDID = 4;
/** What hosts say that know more than one version. */
const ACCEPTED = 2;

/** Where the guest wants its pointer, and whether it wants one. */
export type PointerPlace = Pick<PointerPosition, 'x' | 'y'> & { readonly visible: boolean };

/** What a video device is made with. */
export interface VideoOptions {
  /** Where pictures lie; in the guest's own memory when absent. */
  readonly memory?: VideoMemory;
  /** What the guest is told to choose; 1024 by 768 when absent. */
  readonly preferred?: Resolution;
  /** The picture has another shape, or there is none any more. */
  readonly surfaceChanged?: (surface: Surface | undefined) => void;
  /** Parts of the picture have changed. Called while watched. */
  readonly dirty?: (parts: readonly Rectangle[]) => void;
}

/** Saved state: plain data. What the picture's memory holds is not in it. */
export interface SavedVideo {
  /** As the guest asked for it; 0 before that. */
  readonly version: number;
  /** Decimal: beyond what JSON's numbers hold. Absent when the guest has placed nothing. */
  readonly gpa?: string;
  readonly surface?: Surface;
  readonly preferred: Resolution;
}

/** The screen of one guest. */
export default class Video implements Vsp<SavedVideo> {
  readonly offer;
  readonly #world: DeviceWorld;
  readonly #options: VideoOptions;
  readonly #memory: VideoMemory;
  #channel: Channel | undefined;
  #preferred: Resolution;
  #version = 0;
  #gpa: bigint | undefined;
  #surface: Surface | undefined;
  #pointers = new PointerAssembly();
  #pointer: PointerShape | undefined;
  #place: PointerPlace = { visible: false, x: 0, y: 0 };
  #watched = false;
  #featuresDue = false;
  #changes = 0;

  constructor(world: DeviceWorld, options: VideoOptions = {}) {
    this.#world = world;
    this.#options = options;
    this.#preferred = options.preferred ?? DEFAULT_RESOLUTION;
    this.#memory = options.memory ?? new GuestVideoMemory(world.memory, videoMemoryBytes(this.#preferred));
    this.offer = {
      name: 'video',
      interfaceId: interfaces.video.interfaceId,
      instanceId: '72696e67-6c65-7464-8353-000000000000',
      kind: 'message-pipe',
      mmioMegabytes: this.#memory.byteLength / MIB,
    } as const;
  }

  /** The shape of the picture; `undefined` while there is none. */
  get surface(): Surface | undefined {
    return this.#surface;
  }

  /** What the guest wants its pointer to look like, and where; `undefined` while it wants none. */
  get pointer(): (PointerShape & PointerPlace) | undefined {
    return this.#place.visible && this.#pointer ? { ...this.#pointer, ...this.#place } : undefined;
  }

  /** Copies the picture, or the part of it that lies in `part`. @returns `undefined` when there is nothing there */
  picture(part?: Rectangle): Picture | undefined {
    const surface = this.#surface;
    const wanted = surface && overlap(part ?? whole(surface), whole(surface));
    return surface && wanted && readPicture(this.#memory, surface, wanted);
  }

  /** Asks the guest to say what changes, or not to any more. */
  watch(watched: boolean): void {
    if (watched === this.#watched) return;
    this.#watched = watched;
    this.#sendFeatures();
  }

  /** Would like another resolution. Linux asks when its driver is bound, other guests may follow at once. */
  prefer(resolution: Resolution): boolean {
    if (resolution.width * resolution.height * 4 > this.#memory.byteLength) return false;
    this.#preferred = resolution;
    this.#sendFeatures();
    return true;
  }

  opened(channel: Channel): void {
    this.#channel = channel;
    this.#featuresDue = false;
    this.#version = 0;
  }

  reopened(channel: Channel): void {
    this.#channel = channel;
    this.#sendFeatures();
  }

  packet(packet: Packet, channel: Channel): boolean {
    if (packet.type === PacketType.Completion) return true;
    // Before anything changes: an answer that has no room would have to be given twice.
    if (!channel.hasRoom(LONGEST_ANSWER)) {
      channel.whenRoom(LONGEST_ANSWER, () => channel.resume());
      return false;
    }
    const usable = packet.type === PacketType.InBand && packet.length <= VIDEO_MESSAGE_BYTES;
    const message = usable ? decodeSynthetic(packet.payload()) : undefined;
    const mistake =
      message === undefined ? 'packet that is no message' : this.#message(message.type, message.payload, channel);
    if (mistake !== undefined) this.#world.log.guestError(mistake);
    return true;
  }

  closed(_channel: Channel, done: () => void): void {
    this.#channel = undefined;
    this.#version = 0;
    this.#pointers = new PointerAssembly();
    this.#pointer = undefined;
    this.#place = { visible: false, x: 0, y: 0 };
    // The memory stays where it is: the guest may be drawing its last words.
    this.#show(undefined);
    done();
  }

  reset(): void {
    this.#memory.withdraw();
    this.#gpa = undefined;
  }

  save(): SavedVideo {
    return {
      version: this.#version,
      ...(this.#gpa !== undefined && { gpa: String(this.#gpa) }),
      ...(this.#surface && { surface: this.#surface }),
      preferred: this.#preferred,
    };
  }

  restore(saved: SavedVideo): void {
    this.#version = saved.version;
    this.#preferred = saved.preferred;
    this.#gpa = saved.gpa === undefined ? undefined : BigInt(saved.gpa);
    if (this.#gpa !== undefined) this.#memory.place(Number(this.#gpa));
    this.#show(saved.surface);
  }

  inspect(): Record<string, unknown> {
    return {
      version: this.#version === 0 ? undefined : `${this.#version & 0xffff}.${this.#version >>> 16}`,
      memory: { bytes: this.#memory.byteLength, gpa: this.#gpa === undefined ? undefined : Number(this.#gpa) },
      surface: this.#surface,
      preferred: this.#preferred,
      pointer: { ...this.#place, shape: this.#pointer && `${this.#pointer.width}x${this.#pointer.height}` },
      watched: this.#watched,
      changes: this.#changes,
    };
  }

  /** @returns what was wrong with it, as a constant phrase */
  #message(type: number, payload: Uint8Array, channel: Channel): string | undefined {
    if (type === VideoMessage.VersionRequest) return this.#negotiate(payload, channel);
    if (this.#version === 0) return 'message before a version was agreed';
    switch (type) {
      case VideoMessage.VramLocation:
        return this.#placeMemory(payload, channel);
      case VideoMessage.SituationUpdate:
        return this.#situation(payload, channel);
      case VideoMessage.PointerPosition:
        return this.#movePointer(payload);
      case VideoMessage.PointerShape:
        return this.#shapePointer(payload);
      case VideoMessage.Dirt:
        return this.#dirt(payload);
      case VideoMessage.ResolutionRequest:
        return this.#listResolutions(payload, channel);
      case VideoMessage.BiosInfoRequest:
        answer(channel, VideoMessage.BiosInfoResponse, VideoBiosInfo.encode({ stopDeviceSupported: 1 }));
        return undefined;
      case VideoMessage.CapabilityRequest:
        answer(channel, VideoMessage.CapabilityResponse, VideoCapabilities.encode({ lockOnDisconnect: 0 }));
        return undefined;
      default:
        return 'message of an unknown type';
    }
  }

  #negotiate(payload: Uint8Array, channel: Channel): string | undefined {
    const request = VideoVersionRequest.decode(payload);
    if (request === undefined) return 'request without a version';
    const { version } = request;
    const accepted = (version & 0xffff) === VIDEO_MAJOR;
    if (accepted) this.#version = version;
    answer(
      channel,
      VideoMessage.VersionResponse,
      VideoVersionResponse.encode({ version, accepted: accepted ? ACCEPTED : 0, outputs: 1 }),
    );
    return accepted ? undefined : 'version that is not spoken here';
  }

  #listResolutions(payload: Uint8Array, channel: Channel): string | undefined {
    const most = ResolutionRequest.decode(payload)?.most ?? 0;
    if (most === 0) return 'request for no resolution';
    const list = resolutionsFor(this.#preferred, this.#memory.byteLength).slice(0, most);
    const edid = makeEdid(this.#preferred);
    answer(channel, VideoMessage.ResolutionResponse, encodeResolutions({ edid, preferred: 0, list }));
    return undefined;
  }

  #placeMemory(payload: Uint8Array, channel: Channel): string | undefined {
    const location = VramLocation.decode(payload);
    if (location === undefined) return 'location that is too short';
    const { context, specified, gpa } = location;
    this.#show(undefined);
    if (specified === 0) {
      this.#memory.withdraw();
      this.#gpa = undefined;
    } else {
      // The acknowledgement says that the guest can draw there. Where it cannot, there is nothing to acknowledge.
      if (gpa > BigInt(Number.MAX_SAFE_INTEGER) || !this.#memory.place(Number(gpa))) {
        return 'location where no picture can lie';
      }
      this.#gpa = gpa;
    }
    answer(channel, VideoMessage.VramLocationAck, VideoAck.encode({ context }));
    this.#sendFeatures();
    return undefined;
  }

  #situation(payload: Uint8Array, channel: Channel): string | undefined {
    const situation = VideoSituation.decode(payload);
    if (situation === undefined) return 'situation that is too short';
    const surface = surfaceOf(situation, this.#memory);
    this.#show(typeof surface === 'string' ? undefined : surface);
    answer(channel, VideoMessage.SituationUpdateAck, VideoAck.encode({ context: situation.context }));
    return typeof surface === 'string' ? surface : undefined;
  }

  #movePointer(payload: Uint8Array): string | undefined {
    const position = PointerPosition.decode(payload);
    if (position === undefined) return 'pointer position that is too short';
    this.#place = { visible: position.visible !== 0, x: position.x, y: position.y };
    return undefined;
  }

  #shapePointer(payload: Uint8Array): string | undefined {
    const shape = this.#pointers.add(payload);
    if (typeof shape === 'string') return shape;
    this.#pointer = shape ?? this.#pointer;
    return undefined;
  }

  #dirt(payload: Uint8Array): string | undefined {
    const parts = decodeDirt(payload);
    if (parts === undefined) return 'list of changes that is too short';
    const surface = this.#surface;
    if (surface === undefined) return undefined;
    const all = whole(surface);
    const seen = parts.map((part) => overlap(part, all)).filter((part) => part !== undefined);
    this.#changes += seen.length;
    if (this.#watched && seen.length > 0) this.#options.dirty?.(seen);
    return undefined;
  }

  #show(surface: Surface | undefined): void {
    const before = this.#surface;
    if (before === surface || (before && surface && same(before, surface))) return;
    this.#surface = surface;
    this.#options.surfaceChanged?.(surface);
  }

  /** Says which messages are wanted; and, with the block at its end, which resolution. */
  #sendFeatures(): void {
    const channel = this.#channel;
    if (channel === undefined || this.#version === 0 || this.#featuresDue) return;
    this.#featuresDue = true;
    const possible = channel.whenRoom(LONGEST_ANSWER, () => {
      this.#featuresDue = false;
      if (this.#channel !== channel) return;
      const wanted = FeatureChange.encode({
        dirt: this.#watched ? 1 : 0,
        pointerPosition: 1,
        pointerShape: 1,
        situation: 1,
      });
      const says = this.#version >>> 16 >= MINOR_WITH_EDID ? makeEdid(this.#preferred) : [];
      answer(channel, VideoMessage.FeatureChange, Uint8Array.from([...wanted, ...says]));
      channel.flush();
    });
    if (!possible) this.#featuresDue = false;
  }
}

function answer(channel: Channel, type: number, payload: Uint8Array): void {
  channel.send(encodeSynthetic(type, payload, 8));
}

const same = (a: Surface, b: Surface): boolean =>
  a.width === b.width && a.height === b.height && a.pitch === b.pitch && a.offset === b.offset;
