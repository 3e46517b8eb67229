import fc from 'fast-check';
import {
  decodeResolutions,
  decodeSynthetic,
  encodeDirt,
  encodeSynthetic,
  PointerPosition,
  PointerShapeHeader,
  type Rectangle,
  ResolutionRequest,
  SyntheticHeader,
  VideoMessage,
  VideoSituation,
  VideoVersionRequest,
  videoVersion,
  VramLocation,
} from '@ringlet/protocols';
import { PacketType } from '@ringlet/vmbus';
import { expect, test } from 'vitest';
import {
  type Answer,
  FREE_PAGE,
  FREE_PAGES,
  guestHands,
  recordedWorld,
  smallMemory,
} from '../../testing/guest-hands.ts';
import { vspRules } from '../../testing/vsp-rules.ts';
import type { Surface } from './surface.ts';
import Video from './video.ts';

vspRules(test, Video);

const PAGE = 4096;
const VRAM = FREE_PAGE * PAGE;
const WIDTH = 40;
const HEIGHT = 30;

const say = (type: number, payload: Uint8Array): Uint8Array => encodeSynthetic(type, payload, 8);
const version = (major: number, minor: number): Uint8Array =>
  say(VideoMessage.VersionRequest, VideoVersionRequest.encode({ version: videoVersion(major, minor) }));
const location = (gpa: number, specified = 1, context = 77n): Uint8Array =>
  say(VideoMessage.VramLocation, VramLocation.encode({ context, specified, gpa: BigInt(gpa) }));
const situation = (change: Partial<VideoSituation> = {}): Uint8Array =>
  say(
    VideoMessage.SituationUpdate,
    VideoSituation.encode({
      context: 5n,
      outputs: 1,
      active: 1,
      offset: 0,
      depth: 32,
      width: WIDTH,
      height: HEIGHT,
      pitch: WIDTH * 4,
      ...change,
    }),
  );
const dirt = (...parts: Rectangle[]): Uint8Array => say(VideoMessage.Dirt, encodeDirt(parts));

/** Types and payloads of what the guest received. */
const messages = (answers: readonly Answer[]) =>
  answers.map((answer) => {
    expect(answer.type).toBe(PacketType.InBand);
    const { type, payload } = decodeSynthetic(answer.payload)!;
    return { type, bytes: Array.from(payload) };
  });

const zeroes = (length: number): number[] => Array.from({ length }, () => 0);

function screen() {
  const memory = smallMemory();
  const world = recordedWorld(memory);
  const surfaces: (Surface | undefined)[] = [];
  const changes: Rectangle[] = [];
  const video = new Video(world, {
    preferred: { width: 800, height: 600 },
    surfaceChanged: (surface) => surfaces.push(surface),
    dirty: (parts) => changes.push(...parts),
  });
  return { video, world, memory, surfaces, changes, guest: guestHands(video, memory) };
}

/** One with a picture. */
function showing() {
  const parts = screen();
  parts.guest.send(version(3, 5));
  parts.guest.send(location(VRAM));
  parts.guest.send(situation());
  parts.guest.receive();
  return parts;
}

test('the offer tells how much address space the picture needs', () => {
  const memory = smallMemory();
  const mib = (width: number, height: number): number =>
    new Video(recordedWorld(memory), { preferred: { width, height } }).offer.mmioMegabytes;
  expect([mib(1024, 768), mib(1920, 1080), mib(1920, 1200), mib(3840, 2160)]).toEqual([8, 8, 16, 32]);
});

test.each([
  [3, 5],
  [3, 2],
  [3, 9],
])('version %i.%i is accepted and comes back', (major, minor) => {
  const { guest } = screen();
  expect(messages(guest.send(version(major, minor)))).toEqual([
    { type: VideoMessage.VersionResponse, bytes: [major, 0, minor, 0, 2, 1] },
  ]);
});

test('another major version is refused, and the guest may ask again', () => {
  const { guest, world } = screen();
  expect(messages(guest.send(version(4, 0)))[0]!.bytes).toEqual([4, 0, 0, 0, 0, 1]);
  expect(world.guestErrors).toEqual(['version that is not spoken here']);
  expect(messages(guest.send(version(3, 2)))[0]!.bytes[4]).toBe(2);
});

test('messages count their own header in their size, as Linux does', () => {
  const { guest } = screen();
  const [answer] = guest.send(version(3, 5));
  expect(SyntheticHeader.decode(answer!.payload)).toEqual({ pipeType: 1, pipeSize: 14, type: 2, size: 14 });
});

test('the wanted resolution comes first; the others fit the memory', () => {
  const { guest } = screen();
  guest.send(version(3, 5));
  const [answer] = guest.send(say(VideoMessage.ResolutionRequest, ResolutionRequest.encode({ most: 64 })));
  const { list, preferred } = decodeResolutions(decodeSynthetic(answer!.payload)!.payload)!;
  expect(list[preferred]).toEqual({ width: 800, height: 600 });
  expect(list).toContainEqual({ width: 1920, height: 1080 });
  expect(list.filter(({ width, height }) => width * height * 4 > 8 * 1024 * 1024)).toEqual([]);
  expect(new Set(list.map(({ width, height }) => `${width}x${height}`)).size).toBe(list.length);
});

test('a guest that takes few resolutions gets few, the wanted one among them', () => {
  const { guest } = screen();
  guest.send(version(3, 5));
  const [answer] = guest.send(say(VideoMessage.ResolutionRequest, ResolutionRequest.encode({ most: 2 })));
  const { list } = decodeResolutions(decodeSynthetic(answer!.payload)!.payload)!;
  expect(list).toHaveLength(2);
  expect(list[0]).toEqual({ width: 800, height: 600 });
});

test('where the picture lies is acknowledged with the context of the request; what is wanted of the guest follows', () => {
  const { guest } = screen();
  guest.send(version(3, 5));
  const [ack, features, ...more] = messages(guest.send(location(VRAM)));
  expect(ack).toEqual({ type: VideoMessage.VramLocationAck, bytes: [77, 0, 0, 0, 0, 0, 0, 0] });
  expect(features!.type).toBe(VideoMessage.FeatureChange);
  expect(features!.bytes.slice(0, 4)).toEqual([0, 1, 1, 1]);
  expect(features!.bytes).toHaveLength(4 + 128);
  expect(more).toEqual([]);
});

test('a guest of an older version is not told what it would not understand', () => {
  const { guest } = screen();
  guest.send(version(3, 2));
  const [, features] = messages(guest.send(location(VRAM)));
  expect(features!.bytes).toEqual([0, 1, 1, 1]);
});

test('a place where nothing can lie is not acknowledged', () => {
  const { guest, world, video } = screen();
  guest.send(version(3, 5));
  for (const gpa of [VRAM + 1, 2 ** 40, -1 >>> 0]) expect(guest.send(location(gpa))).toEqual([]);
  guest.send(say(VideoMessage.VramLocation, VramLocation.encode({ context: 1n, specified: 1, gpa: 2n ** 64n - 1n })));
  expect(world.guestErrors).toEqual(Array.from({ length: 4 }, () => 'location where no picture can lie'));
  guest.send(situation());
  expect(video.surface).toBeUndefined();
});

test('a picture reads back as red, green, blue, opaque', () => {
  const { video, memory } = showing();
  memory.write(VRAM, Uint8Array.of(0x33, 0x22, 0x11, 0x99, 0xff, 0x00, 0x00, 0x00));
  const { width, height, pixels } = video.picture()!;
  expect([width, height]).toEqual([WIDTH, HEIGHT]);
  expect(Array.from(pixels.subarray(0, 8))).toEqual([0x11, 0x22, 0x33, 255, 0, 0, 0xff, 255]);
});

test('any part of a picture is what all of it has there', () => {
  const { video, memory } = showing();
  memory.write(
    VRAM,
    Uint8Array.from({ length: WIDTH * HEIGHT * 4 }, (_, i) => (i * 7 + (i >> 8)) & 0xff),
  );
  const all = video.picture()!.pixels;
  const side = fc.integer({ min: -10, max: 60 });
  fc.assert(
    fc.property(side, side, side, side, (left, top, right, bottom) => {
      const part = video.picture({ left, top, right, bottom });
      const [x0, y0] = [Math.max(left, 0), Math.max(top, 0)];
      const [x1, y1] = [Math.min(right, WIDTH), Math.min(bottom, HEIGHT)];
      const rows = x0 < x1 && y0 < y1 ? Array.from({ length: y1 - y0 }, (_, i) => y0 + i) : [];
      const expected = rows.flatMap((y) => [...all.subarray((y * WIDTH + x0) * 4, (y * WIDTH + x1) * 4)]);
      expect([...(part?.pixels ?? [])]).toEqual(expected);
      expect([part?.width, part?.height]).toEqual(rows.length > 0 ? [x1 - x0, y1 - y0] : [undefined, undefined]);
    }),
  );
});

test('rows may be longer than they look, and the picture may begin later', () => {
  const { video, memory, guest } = showing();
  guest.send(situation({ width: 3, height: 2, pitch: 64, offset: 128 }));
  memory.write(VRAM + 128 + 64 + 8, Uint8Array.of(1, 2, 3, 0));
  expect(Array.from(video.picture()!.pixels.subarray(-4))).toEqual([3, 2, 1, 255]);
});

test.each([
  ['no size', { width: 0 }],
  ['an absurd size', { width: 1_000_000, pitch: 4_000_000 }],
  ['rows that overlap', { pitch: WIDTH * 4 - 4 }],
  ['crooked rows', { pitch: WIDTH * 4 + 2 }],
  ['16 bits a pixel', { depth: 16 }],
  ['two outputs', { outputs: 2 }],
  ['an end beyond the memory that is there', { height: (FREE_PAGES * PAGE) / (WIDTH * 4) + 1 }],
  ['a beginning beyond it', { offset: 0xffff_fff0 }],
] as const)('a situation with %s is no picture, is acknowledged, and is counted', (_, change) => {
  const { guest, video, world, surfaces } = showing();
  expect(messages(guest.send(situation(change)))).toEqual([
    { type: VideoMessage.SituationUpdateAck, bytes: [5, 0, 0, 0, 0, 0, 0, 0] },
  ]);
  expect(video.surface).toBeUndefined();
  expect(world.guestErrors).toHaveLength(1);
  expect(surfaces.at(-1)).toBeUndefined();
  guest.send(situation());
  expect(video.surface).toEqual({ width: WIDTH, height: HEIGHT, pitch: WIDTH * 4, offset: 0 });
});

test('an output that is switched off is no mistake', () => {
  const { guest, video, world } = showing();
  guest.send(situation({ active: 0 }));
  expect(video.surface).toBeUndefined();
  expect(world.guestErrors).toEqual([]);
});

test('another size is told, the same one is not', () => {
  const { guest, surfaces } = showing();
  guest.send(situation());
  guest.send(situation({ width: 20 }));
  expect(surfaces.map((surface) => surface?.width)).toEqual([WIDTH, 20]);
});

test('changes are wanted while somebody watches, and cut to what is on the screen', () => {
  const { video, guest, changes } = showing();
  const part = { left: -5, top: 3, right: 1000, bottom: 5 };
  guest.send(dirt(part));
  expect(changes).toEqual([]);

  video.watch(true);
  expect(messages(guest.receive()).map(({ bytes }) => bytes[0])).toEqual([1]);
  guest.send(dirt(part, { left: 900, top: 0, right: 950, bottom: 9 }, { left: 4, top: 4, right: 4, bottom: 9 }));
  expect(changes).toEqual([{ left: 0, top: 3, right: WIDTH, bottom: 5 }]);

  video.watch(false);
  expect(messages(guest.receive()).map(({ bytes }) => bytes[0])).toEqual([0]);
});

test('somebody who watches from the start is remembered until the guest can be told', () => {
  const { video, guest } = screen();
  video.watch(true);
  guest.send(version(3, 5));
  const [, features] = messages(guest.send(location(VRAM)));
  expect(features!.bytes[0]).toBe(1);
});

test('another preferred resolution is told at once, and listed when asked', () => {
  const { video, guest } = showing();
  expect(video.prefer({ width: 1280, height: 720 })).toBe(true);
  const [features] = messages(guest.receive());
  // The first detailed timing of the EDID: active pixels and lines.
  const edid = features!.bytes.slice(4);
  expect([edid[56]! | ((edid[58]! >> 4) << 8), edid[59]! | ((edid[61]! >> 4) << 8)]).toEqual([1280, 720]);
  const [answer] = guest.send(say(VideoMessage.ResolutionRequest, ResolutionRequest.encode({ most: 64 })));
  expect(decodeResolutions(decodeSynthetic(answer!.payload)!.payload)!.list[0]).toEqual({ width: 1280, height: 720 });
  expect(video.prefer({ width: 3840, height: 2160 })).toBe(false);
});

test('a pointer is put together from its parts', () => {
  const { video, guest } = showing();
  const shape = { argb: 1, width: 4, height: 4, hotX: 1, hotY: 2 };
  const pixels = Uint8Array.from({ length: 64 }, (_, i) => i);
  const part = (index: number, bytes: Uint8Array) =>
    say(
      VideoMessage.PointerShape,
      Uint8Array.from([...PointerShapeHeader.encode({ part: index, ...shape }), ...bytes]),
    );
  guest.send(part(0, pixels.subarray(0, 40)));
  guest.send(part(255, pixels.subarray(40)));
  expect(video.pointer).toBeUndefined();
  guest.send(say(VideoMessage.PointerPosition, PointerPosition.encode({ visible: 1, output: 0, x: -3, y: 9 })));
  expect(video.pointer).toMatchObject({ x: -3, y: 9, width: 4, height: 4, hotX: 1, hotY: 2, argb: true });
  expect(Array.from(video.pointer!.data)).toEqual(Array.from(pixels));
});

test.each([
  ['too large', 255, { width: 97 }, 4],
  ['pointing beside itself', 255, { hotX: 5 }, 4],
  ['starting in the middle', 1, {}, 16],
  ['ending early', 255, {}, 3],
] as const)('a pointer %s is refused, and the next one is taken', (_, part, change, bytes) => {
  const { video, guest, world } = showing();
  const shape = { argb: 1, width: 2, height: 2, hotX: 0, hotY: 0 };
  const send = (header: PointerShapeHeader, length: number) =>
    guest.send(
      say(
        VideoMessage.PointerShape,
        Uint8Array.from([...PointerShapeHeader.encode(header), ...new Uint8Array(length)]),
      ),
    );
  send({ part, ...shape, ...change }, bytes);
  expect(world.guestErrors).toHaveLength(1);
  guest.send(say(VideoMessage.PointerPosition, PointerPosition.encode({ visible: 1, output: 0, x: 0, y: 0 })));
  send({ part: 255, ...shape }, 16);
  expect(video.pointer).toMatchObject({ width: 2, height: 2 });
});

test('what Windows asks besides is answered', () => {
  const { guest } = screen();
  guest.send(version(3, 5));
  const nothing = new Uint8Array(0);
  expect(messages(guest.send(say(VideoMessage.BiosInfoRequest, nothing)))).toEqual([
    { type: VideoMessage.BiosInfoResponse, bytes: [1, ...zeroes(15)] },
  ]);
  expect(messages(guest.send(say(VideoMessage.CapabilityRequest, nothing)))).toEqual([
    { type: VideoMessage.CapabilityResponse, bytes: zeroes(64) },
  ]);
});

test('memory that the guest takes back shows black, and no error', () => {
  const { video, guest } = showing();
  guest.send(location(0, 0));
  expect(video.surface).toBeUndefined();
  expect(video.picture()).toBeUndefined();
});

test('a screen is restored where it was', () => {
  const { video, memory } = showing();
  memory.write(VRAM, Uint8Array.of(9, 8, 7));
  const saved = JSON.parse(JSON.stringify(video.save())) as ReturnType<Video['save']>;
  const restored = new Video(recordedWorld(memory), { preferred: { width: 800, height: 600 } });
  restored.restore(saved);
  expect(restored.picture()).toEqual(video.picture());
  expect(restored.save()).toEqual(video.save());
});

test('when the channel is closed there is no picture, and the next guest starts over', () => {
  const { video, surfaces, guest } = showing();
  let closed = false;
  video.closed(undefined as never, () => (closed = true));
  expect({ closed, surface: video.surface, last: surfaces.at(-1) }).toEqual({
    closed: true,
    surface: undefined,
    last: undefined,
  });
  guest.send(situation());
  expect(video.surface).toBeUndefined();
});

test('whatever a guest says in any order, nothing is thrown, and a picture is one that can be read', () => {
  const message = fc.oneof(
    fc.constantFrom(version(3, 5), version(1, 0), location(VRAM), location(VRAM + PAGE), location(0, 0), situation()),
    fc
      .record({
        width: fc.nat(300),
        height: fc.nat(300),
        pitch: fc.nat(2000),
        offset: fc.nat(FREE_PAGES * PAGE),
        active: fc.nat(1),
      })
      .map(situation),
    fc
      .tuple(fc.integer({ min: 0, max: 20 }), fc.uint8Array({ maxLength: 80 }))
      .map(([type, bytes]) => say(type, bytes)),
    fc.uint8Array({ maxLength: 60 }),
  );
  fc.assert(
    fc.property(fc.array(message, { maxLength: 40 }), (conversation) => {
      const { guest, video } = screen();
      for (const each of conversation) guest.send(each);
      const picture = video.picture();
      expect(picture === undefined).toBe(video.surface === undefined);
      expect(JSON.stringify(video.inspect())).toContain('"memory"');
    }),
  );
});
