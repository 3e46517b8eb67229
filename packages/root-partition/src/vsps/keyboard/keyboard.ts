/**
 * Keyboard VSP: keys that somebody presses on the host arrive at the guest's keyboard driver.
 *
 *     closed ──opened──▶ negotiating ──version 1.0──▶ ready
 *        ▲                    │ any other: refused, and asked again
 *        └────── closed, from anywhere ───────────────┘
 *
 * Linux's `hyperv-keyboard` makes a PC's keyboard port of it. It wants the answer as a packet of its own: completions it
 * ignores, so none are sent.
 */
import {
  KEYBOARD_ACCEPTED,
  KEYBOARD_VERSION,
  KeyboardEvent,
  KeyboardLed,
  KeyboardLeds,
  KeyboardMessage,
  KeyboardProtocolRequest,
  KeyboardProtocolResponse,
  type KeyStroke,
} from '@ringlet/protocols';
import { type Channel, type DeviceWorld, interfaces, type Packet, PacketType, type Vsp } from '@ringlet/vmbus';
import { type Delivery, EventQueue } from '../input/event-queue.ts';

/** Key changes that wait at most: some thirty screens of text. */
const MOST_WAITING = 65_536;
/** Longest message that is looked at. */
const MAX_MESSAGE = 256;

/** Where the keyboard is with its guest. */
export type KeyboardState = 'closed' | 'negotiating' | 'ready';

/** Whether keys were taken: `not-ready` without a driver in the guest, `full` when it has stopped reading. */
export type KeysTaken = 'taken' | 'not-ready' | 'full';

/** Saved state: plain data. */
export interface SavedKeyboard {
  readonly state: KeyboardState;
  readonly leds: number;
  readonly waiting: readonly KeyStroke[];
}

/** The keyboard of one guest. */
export default class Keyboard implements Vsp<SavedKeyboard> {
  readonly offer = {
    name: 'keyboard',
    interfaceId: interfaces.keyboard.interfaceId,
    instanceId: interfaces.keyboard.instanceId,
    kind: 'message-pipe',
  } as const;
  readonly #world: DeviceWorld;
  readonly #queue: EventQueue<KeyStroke>;
  #state: KeyboardState = 'closed';
  #leds = 0;

  constructor(world: DeviceWorld) {
    this.#world = world;
    const packet = new Uint8Array(KeyboardEvent.size);
    const view = new DataView(packet.buffer);
    this.#queue = new EventQueue({
      most: MOST_WAITING,
      packetBytes: KeyboardEvent.size,
      encode: ({ makeCode, flags }) => {
        KeyboardEvent.write(view, 0, { type: KeyboardMessage.Event, makeCode, flags });
        return packet;
      },
    });
  }

  get state(): KeyboardState {
    return this.#state;
  }

  /** Presses and releases keys, in order. @param done - called once, if they were taken, when the guest has them */
  press(strokes: readonly KeyStroke[], done?: (delivery: Delivery) => void): KeysTaken {
    if (this.#state !== 'ready') return 'not-ready';
    return this.#queue.push(strokes, done) ? 'taken' : 'full';
  }

  opened(): void {
    this.#state = 'negotiating';
    this.#leds = 0;
  }

  reopened(channel: Channel): void {
    if (this.#state === 'ready') this.#queue.open(channel);
  }

  packet(packet: Packet, channel: Channel): boolean {
    if (packet.type === PacketType.Completion) return true;
    if (packet.type !== PacketType.InBand || packet.length < 4 || packet.length > MAX_MESSAGE) {
      this.#guestError('packet that is no message');
      return true;
    }
    const message = packet.payload();
    const type = new DataView(message.buffer).getUint32(0, true);
    switch (type) {
      case KeyboardMessage.ProtocolRequest:
        return this.#negotiate(message, channel);
      case KeyboardMessage.LedIndicators:
        this.#leds = KeyboardLeds.decode(message)?.leds ?? this.#leds;
        return true;
      default:
        this.#guestError('message of an unknown type');
        return true;
    }
  }

  closed(_channel: Channel, done: () => void): void {
    this.#state = 'closed';
    this.#queue.close();
    done();
  }

  save(): SavedKeyboard {
    return { state: this.#state, leds: this.#leds, waiting: this.#queue.save() };
  }

  restore(saved: SavedKeyboard): void {
    this.#state = saved.state;
    this.#leds = saved.leds;
    this.#queue.restore(saved.waiting);
  }

  inspect(): Record<string, unknown> {
    const lit = (bit: number): boolean => (this.#leds & bit) !== 0;
    return {
      state: this.#state,
      sent: this.#queue.sent,
      waiting: this.#queue.length,
      leds: {
        scrollLock: lit(KeyboardLed.ScrollLock),
        numLock: lit(KeyboardLed.NumLock),
        capsLock: lit(KeyboardLed.CapsLock),
      },
    };
  }

  #negotiate(message: Uint8Array, channel: Channel): boolean {
    const request = KeyboardProtocolRequest.decode(message);
    if (request === undefined) {
      this.#guestError('request without a version');
      return true;
    }
    const accepted = request.version === KEYBOARD_VERSION;
    const status = accepted ? KEYBOARD_ACCEPTED : 0;
    if (!channel.send(KeyboardProtocolResponse.encode({ type: KeyboardMessage.ProtocolResponse, status }))) {
      channel.whenRoom(KeyboardProtocolResponse.size, () => channel.resume());
      return false;
    }
    if (!accepted) {
      this.#guestError('version that is not spoken here');
      return true;
    }
    this.#state = 'ready';
    this.#queue.open(channel);
    return true;
  }

  #guestError(what: string): void {
    this.#world.log.guestError(what);
  }
}
