/**
 * Synthetic keyboard: what crosses its channel. Packets are in-band and, unlike other devices', have no pipe header.
 *
 * Layouts as in Linux's `drivers/input/serio/hyperv-keyboard.c` (`synth_kbd_protocol_request`, `…_response`,
 * `synth_kbd_keystroke`). Keys travel as scan codes of set 1, as a PC's keyboard controller hands them on.
 */
import { flags, type Infer, named, reserved, struct, u16, u32 } from '@ringlet/wire';

/** First word of every message. A peer may write any other number. */
export const KeyboardMessage = { ProtocolRequest: 1, ProtocolResponse: 2, Event: 3, LedIndicators: 4 } as const;

/** The only version there is, 1.0: major in the upper half. */
export const KEYBOARD_VERSION = 0x0001_0000;

/** Bit 0 of a response's status. */
export const KEYBOARD_ACCEPTED = 1;

/** Bits of an event's flags. */
export const KeyFlag = {
  /** The code is a UTF-16 unit, not a scan code. Linux takes it for a scan code all the same. */
  Unicode: 1,
  /** The key was let go. */
  Break: 2,
  /** An E0 byte precedes the code. */
  E0: 4,
  /** An E1 byte precedes the code. */
  E1: 8,
} as const;

/** Bits of {@link KeyboardLeds}. */
export const KeyboardLed = { ScrollLock: 1, NumLock: 2, CapsLock: 4 } as const;

/** Guest to host: the version it wants. */
export const KeyboardProtocolRequest = struct('synth_kbd_protocol_request', 8, {
  type: named(u32, KeyboardMessage),
  version: u32,
});

/** Host to guest. */
export const KeyboardProtocolResponse = struct('synth_kbd_protocol_response', 8, {
  type: named(u32, KeyboardMessage),
  /** {@link KEYBOARD_ACCEPTED}, or 0. */
  status: u32,
});

/** Host to guest: a key went down or up. */
export const KeyboardEvent = struct('synth_kbd_keystroke', 12, {
  type: named(u32, KeyboardMessage),
  /** Scan code of set 1 without its break bit. */
  makeCode: u16,
  _reserved: reserved(2),
  /** {@link KeyFlag} bits. */
  flags: flags(u32, KeyFlag),
});
export type KeyboardEvent = Infer<typeof KeyboardEvent>;

/** Guest to host: the lights of its keyboard. Windows sends it, Linux does not. */
export const KeyboardLeds = struct('synth_kbd_led_indicators', 6, {
  type: named(u32, KeyboardMessage),
  /** {@link KeyboardLed} bits. */
  leds: flags(u16, KeyboardLed),
});

/** What one event says of a key, without the message around it. */
export type KeyStroke = Pick<KeyboardEvent, 'makeCode' | 'flags'>;
