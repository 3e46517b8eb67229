/**
 * Mouse: the driver of a synthetic mouse, as Linux's `hid-hyperv` speaks it.
 *
 *     const mouse = await guest.open(Mouse);
 *     await mouse.ready;
 *     mouse.reports$.subscribe(({ x, y, buttons, wheel }) => …);
 *
 * A mouse describes its reports in HID's language. Hyper-V's has one description, so this driver knows that one and
 * takes no other.
 */
import {
  decodeSynthetic,
  encodeSynthetic,
  MOUSE_RANGE,
  MOUSE_VERSION,
  mouseDescription,
  MouseDeviceInfo,
  MouseMessage,
  MouseProtocolRequest,
  MouseProtocolResponse,
  MouseReport,
} from '@ringlet/protocols';
import { type Channel, interfaces, type Packet, PacketType } from '@ringlet/vmbus';
import { type Observable, Subject } from 'rxjs';
import { DeviceError } from '../device-failure.ts';

/** Where the pointer is, of the way from the left and upper edge (0) to the others (1), and what is pressed. */
export interface MouseState {
  /** From the left edge (0) to the right one (1). */
  readonly x: number;
  /** From the upper edge (0) to the lower one (1). */
  readonly y: number;
  /** `MouseButton` bits that are down. */
  readonly buttons: number;
  /** Notches that the wheel has turned since the last report. */
  readonly wheel: number;
}

/** A mouse. */
export class Mouse {
  /** The class of synthetic mice. */
  static readonly interfaceId: string = interfaces.mouse.interfaceId;
  /** 36 KiB and a header each way, as Linux has it. */
  static readonly ringPages: number = 10;

  /** Resolves when the mouse has described itself; rejects with a {@link DeviceError}. */
  readonly ready: Promise<void>;
  /** What the mouse reports; completes when it is gone. */
  readonly reports$: Observable<MouseState>;

  readonly #reports = new Subject<MouseState>();
  readonly #channel: Channel;
  #accept!: () => void;
  #refuse!: (error: Error) => void;
  /** Messages that were none. */
  malformed = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.reports$ = this.#reports.asObservable();
    this.ready = new Promise((accept, refuse) => {
      this.#accept = accept;
      this.#refuse = refuse;
    });
    // Who does not look at `ready` is not to be ended by its rejection.
    this.ready.catch(() => {});
    const request = MouseProtocolRequest.encode({ version: MOUSE_VERSION });
    channel.request(encodeSynthetic(MouseMessage.ProtocolRequest, request, 0), 1, 0);
    channel.flush();
  }

  /** For the channel: one message of the mouse. What is malformed is passed over. */
  packet(packet: Packet): void {
    if (packet.type !== PacketType.InBand) return;
    const message = decodeSynthetic(packet.payload());
    switch (message?.type) {
      case MouseMessage.ProtocolResponse:
        if (MouseProtocolResponse.decode(message!.payload)?.approved === 0) this.#giveUp('refused');
        return;
      case MouseMessage.DeviceInfo:
        return this.#described(message!.payload);
      case MouseMessage.InputReport:
        return this.#reported(message!.payload);
      default:
        this.malformed++;
    }
  }

  /** For the channel: `ready` rejects if it was waited for, and the reports end. */
  closed(): void {
    this.#giveUp('closed');
    this.#reports.complete();
  }

  #described(payload: Uint8Array): void {
    const known = mouseDescription();
    const info = MouseDeviceInfo.decode(payload);
    // Who made it does not matter; how its reports look does.
    const same = known.every((byte, i) => i < MouseDeviceInfo.size || payload[i] === byte);
    const fits = info?.reportBytes === known.length - MouseDeviceInfo.size && info.descriptorBytes === 9;
    if (!same || !fits) return this.#giveUp('malformed');
    this.#channel.request(encodeSynthetic(MouseMessage.DeviceInfoAck, Uint8Array.of(0), 0), 2, 0);
    this.#channel.flush();
    this.#accept();
  }

  #reported(payload: Uint8Array): void {
    const report = MouseReport.decode(payload);
    if (report === undefined) {
      this.malformed++;
      return;
    }
    const { buttons, wheel } = report;
    this.#reports.next({ x: report.x / (MOUSE_RANGE + 1), y: report.y / (MOUSE_RANGE + 1), buttons, wheel });
  }

  #giveUp(reason: 'refused' | 'malformed' | 'closed'): void {
    this.#refuse(new DeviceError('mouse', reason));
  }
}
