import {
  decodeDirt,
  decodeSynthetic,
  encodeResolutions,
  encodeSynthetic,
  FeatureChange,
  type Resolution,
  VideoAck,
  VideoMessage,
  VideoSituation,
  VideoVersionResponse,
  VramLocation,
} from '@ringlet/protocols';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { driverFixture } from '../channel-fixture.ts';
import { Canvas } from './canvas.ts';
import { Screen } from './screen.ts';

const SMALL = { width: 40, height: 30 };

const say = (type: number, payload: Uint8Array): Uint8Array => encodeSynthetic(type, payload, 8);
const features = (dirt: number, edid: number): Uint8Array =>
  say(
    VideoMessage.FeatureChange,
    Uint8Array.from([
      ...FeatureChange.encode({ dirt, pointerPosition: 1, pointerShape: 1, situation: 1 }),
      ...new Uint8Array(edid),
    ]),
  );

/** A screen whose host answers everything. */
function screen() {
  const fixture = driverFixture((channel, guest) => new Screen(channel, guest));
  const list: Resolution[] = [SMALL, { width: 20, height: 10 }];
  const seen: { type: number; payload: Uint8Array }[] = [];
  /** Answers what the driver has asked, until it asks nothing more. */
  const serve = async (): Promise<void> => {
    await Promise.resolve();
    for (let messages = fixture.received(); messages.length > 0; messages = fixture.received()) {
      for (const message of messages) {
        const { type, payload } = decodeSynthetic(message)!;
        seen.push({ type, payload });
        const answer = answerTo(type, payload, list);
        if (answer) await fixture.send(answer);
      }
    }
  };
  return { ...fixture, list, seen, serve };
}

function answerTo(type: number, payload: Uint8Array, list: readonly Resolution[]): Uint8Array | undefined {
  switch (type) {
    case VideoMessage.VersionRequest:
      return say(
        VideoMessage.VersionResponse,
        VideoVersionResponse.encode({ version: 0x50003, accepted: 2, outputs: 1 }),
      );
    case VideoMessage.ResolutionRequest:
      return say(VideoMessage.ResolutionResponse, encodeResolutions({ edid: new Uint8Array(128), preferred: 0, list }));
    case VideoMessage.VramLocation: {
      const { context } = VramLocation.decode(payload)!;
      return say(VideoMessage.VramLocationAck, VideoAck.encode({ context }));
    }
    default:
      return undefined;
  }
}

async function showing() {
  const parts = screen();
  const shown = parts.driver.show();
  await parts.serve();
  const canvas = await shown;
  await parts.serve();
  return { ...parts, canvas };
}

test('it negotiates, says where the picture lies and what shape it has', async () => {
  const { canvas, seen, guest, driver } = await showing();
  expect([canvas.width, canvas.height]).toEqual([40, 30]);
  expect(seen.map(({ type }) => type)).toEqual([
    VideoMessage.VersionRequest,
    VideoMessage.ResolutionRequest,
    VideoMessage.VramLocation,
    VideoMessage.SituationUpdate,
  ]);
  const situation = VideoSituation.decode(seen[3]!.payload);
  expect(situation).toMatchObject({ outputs: 1, active: 1, depth: 32, width: 40, height: 30, pitch: 160, offset: 0 });
  expect(driver.resolutions).toEqual([SMALL, { width: 20, height: 10 }]);
  const { gpa } = VramLocation.decode(seen[2]!.payload)!;
  canvas.fill(1, 0, 1, 1, 0x00aa_bbcc);
  const pixel = new Uint8Array(4);
  guest.memory.read(Number(gpa) + 4, pixel);
  expect(Array.from(pixel)).toEqual([0xcc, 0xbb, 0xaa, 0]);
});

test('changes are told while somebody watches, all of the picture at first', async () => {
  const { canvas, driver, send, received } = await showing();
  canvas.fill(0, 0, 5, 5, 1);
  driver.flush();
  expect(received()).toEqual([]);
  await send(features(1, 0));
  const parts = (): unknown => received().map((message) => decodeDirt(decodeSynthetic(message)!.payload));
  expect(parts()).toEqual([[{ left: 0, top: 0, right: 40, bottom: 30 }]]);
  canvas.fill(38, 2, 9, 1, 2);
  driver.flush();
  expect(parts()).toEqual([[{ left: 38, top: 2, right: 40, bottom: 3 }]]);
  driver.flush();
  expect(received()).toEqual([]);
});

test('another picture takes the place of the first, whose memory is given back', async () => {
  const { driver, serve, guest } = await showing();
  const before = [...guest.taken.keys()];
  const shown = driver.show({ width: 20, height: 10 });
  await serve();
  expect((await shown).width).toBe(20);
  expect(before.some((page) => guest.taken.has(page))).toBe(false);
});

test('when the host describes its screen anew, it is asked again, and another wish is told once', async () => {
  const { driver, send, serve, list } = await showing();
  const wishes: Resolution[] = [];
  driver.preferred$.subscribe((wish) => wishes.push(wish));
  await send(features(0, 128));
  await serve();
  expect(wishes).toEqual([]);
  list.unshift({ width: 64, height: 48 });
  await send(features(0, 128));
  await serve();
  expect(wishes).toEqual([{ width: 64, height: 48 }]);
});

test('a host that refuses, makes no sense or goes away is an error that says why', async () => {
  const refused = screen();
  const first = refused.driver.show();
  await refused.send(
    say(VideoMessage.VersionResponse, VideoVersionResponse.encode({ version: 4, accepted: 0, outputs: 0 })),
  );
  await expect(first).rejects.toMatchObject({ reason: 'refused' });

  const odd = screen();
  const second = odd.driver.show();
  await odd.send(answerTo(VideoMessage.VersionRequest, new Uint8Array(4), [])!);
  await odd.send(say(VideoMessage.ResolutionResponse, new Uint8Array(7)));
  await expect(second).rejects.toMatchObject({ reason: 'malformed' });

  const gone = screen();
  const third = gone.driver.show();
  gone.close();
  await expect(third).rejects.toMatchObject({ reason: 'closed' });
  await expect(gone.driver.show()).rejects.toMatchObject({ reason: 'closed' });
});

test('a picture that the guest has no memory for is refused', async () => {
  const { driver } = await showing();
  await expect(driver.show({ width: 1000, height: 1000 })).rejects.toThrow('no memory for a picture of 1000 by 1000');
});

test('nothing a host can send makes it throw', async () => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.tuple(fc.nat(17), fc.uint8Array({ maxLength: 200 })).map(([type, payload]) => say(type, payload)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 20 }), async (messages) => {
      const { driver, send } = await showing();
      for (const each of messages) await send(each);
      expect(driver.malformed).toBeLessThanOrEqual(messages.length);
    }),
    { numRuns: 50 },
  );
});

test('whatever is filled, pixels beside the rectangle stay, and the changes hold it', () => {
  const side = fc.integer({ min: -8, max: 24 });
  const rectangle = fc.tuple(side, side, side, side);
  fc.assert(
    fc.property(fc.array(rectangle, { minLength: 1, maxLength: 80 }), (rectangles) => {
      const canvas = new Canvas(16, 12, new Uint32Array(16 * 12));
      for (const [left, top, width, height] of rectangles) canvas.fill(left, top, width, height, 1);
      const changes = canvas.takeChanges();
      expect(changes.length).toBeLessThanOrEqual(64);
      for (let y = 0; y < 12; y++) {
        for (let x = 0; x < 16; x++) {
          const filled = rectangles.some(([l, t, w, h]) => x >= l && x < l + w && y >= t && y < t + h);
          const changed = changes.some((c) => x >= c.left && x < c.right && y >= c.top && y < c.bottom);
          expect(canvas.pixels[y * 16 + x]).toBe(filled ? 1 : 0);
          expect(changed || !filled).toBe(true);
        }
      }
    }),
    { numRuns: 40 },
  );
});
