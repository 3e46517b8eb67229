/** What a hostile guest says to a screen, a keyboard and a mouse: messages that have some of the right things in them. */
import {
  encodeSynthetic,
  KEYBOARD_VERSION,
  KeyboardProtocolRequest,
  MOUSE_VERSION,
  MouseProtocolRequest,
  SyntheticHeader,
  VideoMessage,
  VideoSituation,
  VideoVersionRequest,
  videoVersion,
  VramLocation,
} from '@ringlet/protocols';
import { interfaces } from '@ringlet/vmbus';
import type { Random } from './random.ts';

const { video, keyboard, mouse } = interfaces;

/** Devices that {@link firstMessages} and {@link anyMessage} know. */
export const SEAT: readonly string[] = [video.interfaceId, keyboard.interfaceId, mouse.interfaceId];

/** What a driver says first. */
export function firstMessages(interfaceId: string): Uint8Array[] {
  switch (interfaceId) {
    case video.interfaceId: {
      const request = VideoVersionRequest.encode({ version: videoVersion(3, 5) });
      return [encodeSynthetic(VideoMessage.VersionRequest, request, 8)];
    }
    case keyboard.interfaceId:
      return [KeyboardProtocolRequest.encode({ type: 1, version: KEYBOARD_VERSION })];
    default:
      return [
        encodeSynthetic(0, MouseProtocolRequest.encode({ version: MOUSE_VERSION }), 0),
        encodeSynthetic(3, Uint8Array.of(0), 0),
      ];
  }
}

/** Any message. */
export function anyMessage(interfaceId: string, random: Random): Uint8Array {
  if (interfaceId === keyboard.interfaceId) {
    const message = random.fill(new Uint8Array(4 + random.below(20)));
    message.set([random.below(6), 0, 0, 0]);
    return message;
  }
  const message =
    interfaceId === video.interfaceId && random.below(2) === 0
      ? picture(random)
      : encodeSynthetic(random.below(18), random.fill(new Uint8Array(random.below(64))), 8);
  if (random.below(8) === 0) {
    new DataView(message.buffer).setUint32(SyntheticHeader.at.pipeSize, random.hostile(), true);
  }
  return message;
}

/** Where a picture lies, or what shape it has. */
function picture(random: Random): Uint8Array {
  if (random.below(2) === 0) {
    const gpa = random.of([BigInt(random.below(4096)) << 12n, random.hostile64()]) & 0xffff_ffff_ffff_ffffn;
    const location = { context: gpa, specified: random.below(4) > 0 ? 1 : 0, gpa };
    return encodeSynthetic(VideoMessage.VramLocation, VramLocation.encode(location), 8);
  }
  const any = (): number => random.of([random.below(2000), random.hostile()]) >>> 0;
  const situation = { outputs: 1, active: 1, depth: 32, offset: any(), width: any(), height: any(), pitch: any() };
  return encodeSynthetic(VideoMessage.SituationUpdate, VideoSituation.encode({ context: 1n, ...situation }), 8);
}
