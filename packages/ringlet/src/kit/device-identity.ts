/** What a new device is called, in every form that its files need. */
import { protocol, type ProtocolDescription } from '@ringlet/vmbus';
import { u32 } from '@ringlet/wire';

/** A new device's name and GUIDs. */
export interface DeviceIdentity {
  /** File name stem, kebab-case. */
  readonly name: string;
  /** GUID of the device class, by which the guest finds it. */
  readonly interfaceId: string;
  /** GUID of this one device. */
  readonly instanceId: string;
}

/** `frame-buffer` as a class: `FrameBuffer`. */
export const className = (name: string): string =>
  name
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

/** The protocol that a new device's protocol file declares; its own tests hold the two together. */
export const firstProtocol = (device: DeviceIdentity): ProtocolDescription =>
  protocol({
    ...device,
    messages: {
      Ask: { tag: 1, from: 'guest', about: 'asks for an answer', fields: { value: u32 } },
      Answer: {
        tag: 2,
        from: 'host',
        about: 'the answer, and how many there were',
        fields: { value: u32, count: u32 },
      },
      Refusal: { tag: 3, from: 'host', about: 'that was no question', fields: {} },
    },
  });
