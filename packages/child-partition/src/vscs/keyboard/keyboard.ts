/**
 * Keyboard: the driver of a synthetic keyboard, as Linux's `hyperv-keyboard` speaks it.
 *
 *     const keyboard = await guest.open(Keyboard);
 *     await keyboard.ready;
 *     keyboard.keys$.subscribe(({ down, name, text }) => …);
 */
import {
  characterOfKey,
  KEYBOARD_ACCEPTED,
  KEYBOARD_VERSION,
  KeyboardEvent,
  KeyboardMessage,
  KeyboardProtocolRequest,
  KeyboardProtocolResponse,
  keyByName,
  KeyFlag,
  KeyReader,
  nameOfKey,
} from '@ringlet/protocols';
import { type Channel, interfaces, type Packet, PacketType } from '@ringlet/vmbus';
import { type Observable, Subject } from 'rxjs';
import { DeviceError } from '../device-failure.ts';

/** A key went down or up. */
export interface KeyChange {
  /** True when it went down; a key that is held comes again and again. */
  readonly down: boolean;
  /** Scan code of set 1, its prefix byte above it; absent when the host sent a character instead of a key. */
  readonly key?: number;
  /** Of keys that have one: `enter`, `f2`, `up`. */
  readonly name?: string;
  /** What the key types with Shift as it is, on a US keyboard. */
  readonly text?: string;
}

/** A keyboard. */
export class Keyboard {
  /** The class of synthetic keyboards. */
  static readonly interfaceId: string = interfaces.keyboard.interfaceId;
  /** 36 KiB and a header each way, as Linux has it. */
  static readonly ringPages: number = 10;

  /** Resolves when the keyboard takes the driver; rejects with a {@link DeviceError}. */
  readonly ready: Promise<void>;
  /** Every key that goes down or up; completes when the keyboard is gone. */
  readonly keys$: Observable<KeyChange>;

  readonly #keys = new Subject<KeyChange>();
  readonly #reader = new KeyReader();
  readonly #shifts = new Set([keyByName('shift')!, keyByName('rightshift')!]);
  readonly #shiftsDown = new Set<number>();
  #accept!: () => void;
  #refuse!: (error: Error) => void;
  /** Messages that were none. */
  malformed = 0;

  constructor(channel: Channel) {
    this.keys$ = this.#keys.asObservable();
    this.ready = new Promise((accept, refuse) => {
      this.#accept = accept;
      this.#refuse = refuse;
    });
    // Who does not look at `ready` is not to be ended by its rejection.
    this.ready.catch(() => {});
    const request = { type: KeyboardMessage.ProtocolRequest, version: KEYBOARD_VERSION };
    channel.request(KeyboardProtocolRequest.encode(request), 1, 0);
    channel.flush();
  }

  /** For the channel: one message of the keyboard. What is malformed is passed over. */
  packet(packet: Packet): void {
    // The answer to the request comes in a packet of its own; completions say nothing.
    if (packet.type !== PacketType.InBand) return;
    const message = packet.payload();
    const event = KeyboardEvent.decode(message);
    if (event?.type === KeyboardMessage.Event) return this.#changed(event);
    const response = KeyboardProtocolResponse.decode(message);
    if (response?.type !== KeyboardMessage.ProtocolResponse) this.malformed++;
    else if ((response.status & KEYBOARD_ACCEPTED) !== 0) this.#accept();
    else this.#refuse(new DeviceError('keyboard', 'refused'));
  }

  /** For the channel: `ready` rejects if it was waited for, and the keys end. */
  closed(): void {
    this.#refuse(new DeviceError('keyboard', 'closed'));
    this.#keys.complete();
  }

  #changed(event: KeyboardEvent): void {
    const down = (event.flags & KeyFlag.Break) === 0;
    if ((event.flags & KeyFlag.Unicode) !== 0) {
      return this.#keys.next({ down, text: String.fromCharCode(event.makeCode) });
    }
    const change = this.#reader.read(event);
    if (change === undefined) return;
    const { key } = change;
    if (this.#shifts.has(key)) {
      if (down) this.#shiftsDown.add(key);
      else this.#shiftsDown.delete(key);
    }
    const name = nameOfKey(key);
    const text = characterOfKey(key, this.#shiftsDown.size > 0);
    this.#keys.next({ down, key, ...(name !== undefined && { name }), ...(text !== undefined && { text }) });
  }
}
