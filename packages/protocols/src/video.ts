/**
 * Synthetic video: what crosses its channel. Framing in `synthetic-message.ts`; sizes count the message's own header.
 *
 * Layouts as in Linux's `drivers/video/fbdev/hyperv_fb.c` and `drivers/gpu/drm/hyperv` (`synthvid_*`); messages that Linux
 * does not use as published for Windows guests. The picture itself never crosses the bus: it lies in memory that guest
 * and host share, and messages say where it is, what shape it has, and which parts of it have changed.
 */
import { bytes, i32, type Infer, reserved, struct, u16, u32, u64, u8 } from '@ringlet/wire';

/** Message types. A peer may write any other number. */
export const VideoMessage = {
  VersionRequest: 1,
  VersionResponse: 2,
  VramLocation: 3,
  VramLocationAck: 4,
  SituationUpdate: 5,
  SituationUpdateAck: 6,
  PointerPosition: 7,
  PointerShape: 8,
  FeatureChange: 9,
  Dirt: 10,
  BiosInfoRequest: 11,
  BiosInfoResponse: 12,
  ResolutionRequest: 13,
  ResolutionResponse: 14,
  CapabilityRequest: 15,
  CapabilityResponse: 16,
} as const;

/** Longest message of a guest: a part of a large pointer shape. */
export const VIDEO_MESSAGE_BYTES = 0x4000;
/** The major version spoken; hosts take any minor one. */
export const VIDEO_MAJOR = 3;
/** A version as messages have it: the minor one in the upper half. */
export const videoVersion = (major: number, minor: number): number => ((minor << 16) | major) >>> 0;

/** Guest to host. */
export const VideoVersionRequest = struct('synthvid_version_req', 4, { version: u32 });

/** Host to guest. */
export const VideoVersionResponse = struct('synthvid_version_resp', 6, {
  version: u32,
  /** 0: refused; 2 is what hosts say that know more than one version. */
  accepted: u8,
  outputs: u8,
});

/** Guest to host: where in its address space the picture's memory shall lie. */
export const VramLocation = struct('synthvid_vram_location', 17, {
  /** Comes back in the acknowledgement. */
  context: u64,
  /** 0: nowhere any more. */
  specified: u8,
  gpa: u64,
});

/** Host to guest: the answers to {@link VramLocation}, sent once memory lies there, and to {@link VideoSituation}. */
export const VideoAck = struct('synthvid_vram_location_ack', 8, { context: u64 });

/** Guest to host: the shape of the picture. */
export const VideoSituation = struct('synthvid_situation_update', 27, {
  context: u64,
  /** Outputs that follow: 1. */
  outputs: u8,
  active: u8,
  /** Bytes before the picture in its memory. */
  offset: u32,
  /** Bits of a pixel: 32, which is blue, green, red and a byte without meaning. */
  depth: u8,
  width: u32,
  height: u32,
  /** Bytes from one row to the next. */
  pitch: u32,
});
export type VideoSituation = Infer<typeof VideoSituation>;

/** Guest to host: where the pointer is that the guest wants to be drawn over the picture. */
export const PointerPosition = struct('synthvid_pointer_position', 10, { visible: u8, output: u8, x: i32, y: i32 });
export type PointerPosition = Infer<typeof PointerPosition>;

/** Guest to host: what the pointer looks like. The pixels follow. */
export const PointerShapeHeader = struct('synthvid_pointer_shape', 18, {
  /** Which part of the pixels follows, from 0; {@link LAST_PART} is the last, or all of them. */
  part: u8,
  /** 1: four bytes a pixel, with transparency; 0: two planes of one bit a pixel. */
  argb: u8,
  width: u32,
  height: u32,
  hotX: u32,
  hotY: u32,
});
export type PointerShapeHeader = Infer<typeof PointerShapeHeader>;

/** The last part of a pointer's pixels. */
export const LAST_PART = 0xff;
/** Pixels of a pointer in each direction, at most. */
export const POINTER_SIDE = 96;

/** Bytes of a pointer's pixels. */
export const pointerBytes = ({ argb, width, height }: Pick<PointerShapeHeader, 'argb' | 'width' | 'height'>): number =>
  argb !== 0 ? width * height * 4 : Math.ceil(width / 8) * height * 2;

/** Host to guest: which messages it wants. */
export const FeatureChange = struct('synthvid_feature_change', 4, {
  dirt: u8,
  pointerPosition: u8,
  pointerShape: u8,
  situation: u8,
});

/** A part of the picture, in pixels; right and lower edge exclusive. */
export const Rectangle = struct('rect', 16, { left: i32, top: i32, right: i32, bottom: i32 });
export type Rectangle = Infer<typeof Rectangle>;

/** What stands before the changed parts of {@link VideoMessage.Dirt}. */
export const DirtHeader = struct('synthvid_dirt', 2, { output: u8, count: u8 });

/** Guest to host: {@link VideoMessage.Dirt}, parts of the picture that have changed. At most 255. */
export function encodeDirt(rectangles: readonly Rectangle[]): Uint8Array {
  const payload = new Uint8Array(DirtHeader.size + rectangles.length * Rectangle.size);
  const view = new DataView(payload.buffer);
  DirtHeader.write(view, 0, { output: 0, count: rectangles.length });
  rectangles.forEach((each, i) => Rectangle.write(view, DirtHeader.size + i * Rectangle.size, each));
  return payload;
}

/** Reads an untrusted list of changed parts; `undefined` when there are fewer than it says. */
export function decodeDirt(payload: Uint8Array): Rectangle[] | undefined {
  const header = DirtHeader.decode(payload);
  if (header === undefined || payload.length < DirtHeader.size + header.count * Rectangle.size) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return Array.from({ length: header.count }, (_, i) => Rectangle.read(view, DirtHeader.size + i * Rectangle.size));
}

/** Host to guest: what firmware there is. */
export const VideoBiosInfo = struct('synthvid_bios_info_resp', 16, {
  /** 1: a machine of generation 2. */
  stopDeviceSupported: u32,
  _reserved: reserved(12),
});

/** Host to guest: what else it can do. */
export const VideoCapabilities = struct('synthvid_capability_resp', 64, {
  lockOnDisconnect: u32,
  _reserved: reserved(60),
});

/** Guest to host: how many resolutions it can take. */
export const ResolutionRequest = struct('synthvid_supported_resolution_req', 1, { most: u8 });

/** What stands before the resolutions of {@link VideoMessage.ResolutionResponse}. */
export const ResolutionHeader = struct('synthvid_supported_resolution_resp', 131, {
  edid: bytes(128),
  count: u8,
  /** Index of the one that the guest should choose. */
  preferred: u8,
  /** 1: these are the standard ones. */
  standard: u8,
});

/** Pixels of a picture. */
export const Resolution = struct('hvd_screen_info', 4, { width: u16, height: u16 });
export type Resolution = Infer<typeof Resolution>;

/** Resolutions that one message can list. */
export const MOST_RESOLUTIONS = 64;

/** What a host says of its screen. */
export interface Resolutions {
  /** Extended display identification data, 128 bytes. */
  readonly edid: Uint8Array;
  /** Index of the one that the guest should choose. */
  readonly preferred: number;
  /** All of them, at most {@link MOST_RESOLUTIONS}. */
  readonly list: readonly Resolution[];
}

/** Host to guest: {@link VideoMessage.ResolutionResponse}. */
export function encodeResolutions({ edid, preferred, list }: Resolutions): Uint8Array {
  const payload = new Uint8Array(ResolutionHeader.size + list.length * Resolution.size);
  const view = new DataView(payload.buffer);
  ResolutionHeader.write(view, 0, { edid, count: list.length, preferred, standard: 1 });
  list.forEach((each, i) => Resolution.write(view, ResolutionHeader.size + i * Resolution.size, each));
  return payload;
}

/** Reads an untrusted list of resolutions; `undefined` when it is shorter than it says, or prefers none of them. */
export function decodeResolutions(payload: Uint8Array): Resolutions | undefined {
  const header = ResolutionHeader.decode(payload);
  if (header === undefined || header.count > MOST_RESOLUTIONS || header.preferred >= header.count) return undefined;
  if (payload.length < ResolutionHeader.size + header.count * Resolution.size) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const at = (i: number): number => ResolutionHeader.size + i * Resolution.size;
  const list = Array.from({ length: header.count }, (_, i) => Resolution.read(view, at(i)));
  return { edid: header.edid, preferred: header.preferred, list };
}
