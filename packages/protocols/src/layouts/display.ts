/** Layouts of what crosses the channels of screen, keyboard and mouse. */
import { type Layout, named, struct, structAfter, u32 } from '@ringlet/wire';
import * as keyboard from '../keyboard.ts';
import * as mouse from '../mouse.ts';
import { SyntheticHeader } from '../synthetic-message.ts';
import * as video from '../video.ts';

const { VideoMessage } = video;
const { MouseMessage } = mouse;
const { KeyboardMessage } = keyboard;

const framed = (names: Readonly<Record<string, number>>) =>
  struct(SyntheticHeader.name, SyntheticHeader.size, { ...SyntheticHeader.shape, type: named(u32, names) });

/** A message of synthetic video. */
export const videoLayout: Layout = {
  name: 'video',
  head: framed(VideoMessage),
  parts: [
    [
      {
        when: { type: VideoMessage.VersionRequest },
        layout: { name: 'video.version', head: video.VideoVersionRequest },
      },
      {
        when: { type: VideoMessage.VersionResponse },
        layout: { name: 'video.version-response', head: video.VideoVersionResponse },
      },
      { when: { type: VideoMessage.VramLocation }, layout: { name: 'video.vram', head: video.VramLocation } },
      {
        when: { type: [VideoMessage.VramLocationAck, VideoMessage.SituationUpdateAck] },
        layout: { name: 'video.ack', head: video.VideoAck },
      },
      { when: { type: VideoMessage.SituationUpdate }, layout: { name: 'video.situation', head: video.VideoSituation } },
      { when: { type: VideoMessage.PointerPosition }, layout: { name: 'video.pointer', head: video.PointerPosition } },
      {
        when: { type: VideoMessage.PointerShape },
        layout: { name: 'video.pointer-shape', head: video.PointerShapeHeader },
      },
      { when: { type: VideoMessage.FeatureChange }, layout: { name: 'video.features', head: video.FeatureChange } },
      {
        when: { type: VideoMessage.Dirt },
        layout: {
          name: 'video.dirt',
          head: video.DirtHeader,
          parts: [[{ times: { field: 'count' }, layout: { name: 'video.rectangle', head: video.Rectangle } }]],
        },
      },
      { when: { type: VideoMessage.BiosInfoResponse }, layout: { name: 'video.bios', head: video.VideoBiosInfo } },
      {
        when: { type: VideoMessage.ResolutionRequest },
        layout: { name: 'video.resolution-request', head: video.ResolutionRequest },
      },
      {
        when: { type: VideoMessage.ResolutionResponse },
        layout: {
          name: 'video.resolutions',
          head: video.ResolutionHeader,
          parts: [[{ times: { field: 'count' }, layout: { name: 'video.resolution', head: video.Resolution } }]],
        },
      },
      {
        when: { type: VideoMessage.CapabilityResponse },
        layout: { name: 'video.capabilities', head: video.VideoCapabilities },
      },
    ],
  ],
};

/** A message of the mouse. */
export const mouseLayout: Layout = {
  name: 'mouse',
  head: framed(MouseMessage),
  parts: [
    [
      {
        when: { type: MouseMessage.ProtocolRequest },
        layout: { name: 'mouse.version', head: mouse.MouseProtocolRequest },
      },
      {
        when: { type: MouseMessage.ProtocolResponse },
        layout: { name: 'mouse.version-response', head: mouse.MouseProtocolResponse },
      },
      { when: { type: MouseMessage.DeviceInfo }, layout: { name: 'mouse.device', head: mouse.MouseDeviceInfo } },
      { when: { type: MouseMessage.InputReport }, layout: { name: 'mouse.report', head: mouse.MouseReport } },
    ],
  ],
};

const key = (type: number, name: string, whole: Parameters<typeof structAfter>[0]) => ({
  when: { type },
  layout: { name: `keyboard.${name}`, head: structAfter(whole, 1) },
});

/** A message of the keyboard. */
export const keyboardLayout: Layout = {
  name: 'keyboard',
  head: struct('SYNTH_KBD_MESSAGE_HEADER', 4, { type: named(u32, KeyboardMessage) }),
  parts: [
    [
      key(KeyboardMessage.ProtocolRequest, 'version', keyboard.KeyboardProtocolRequest),
      key(KeyboardMessage.ProtocolResponse, 'version-response', keyboard.KeyboardProtocolResponse),
      key(KeyboardMessage.Event, 'event', keyboard.KeyboardEvent),
      key(KeyboardMessage.LedIndicators, 'leds', keyboard.KeyboardLeds),
    ],
  ],
};
