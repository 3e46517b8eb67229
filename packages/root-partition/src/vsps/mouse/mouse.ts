/**
 * Mouse VSP: a HID pointer with an absolute position, five buttons and a wheel.
 *
 *     closed ──opened──▶ negotiating ──version 2.0: response, description──▶ describing ──acknowledged──▶ ready
 *        ▲                    │ any other: refused, and asked again
 *        └────── closed, from anywhere ─────────────────────────────────────────────────────────────────────┘
 *
 * A position says where in the screen the pointer is, whatever its resolution: 0 is the left or upper edge, 32767 the other.
 */
import {
  decodeSynthetic,
  encodeSynthetic,
  MOUSE_RANGE,
  MOUSE_VERSION,
  mouseDescription,
  MouseMessage,
  MouseProtocolRequest,
  MouseProtocolResponse,
  MouseReport,
  SyntheticHeader,
} from '@ringlet/protocols';
import { type Channel, type DeviceWorld, interfaces, type Packet, PacketType, type Vsp } from '@ringlet/vmbus';
import { type Delivery, EventQueue } from '../input/event-queue.ts';

/** Reports that wait at most. Moves wait as one, so this takes hundreds of clicks that nobody reads. */
const MOST_WAITING = 1024;
/** Longest message that is looked at. */
const MAX_MESSAGE = 256;
const MOST_NOTCHES = 0x7fff;
const BUTTONS = 0x1f;

/** Where the mouse is with its guest. */
export type MouseState = 'closed' | 'negotiating' | 'describing' | 'ready';

/** Whether a report was taken: `not-ready` without a driver in the guest, `full` when it has stopped reading. */
export type ReportsTaken = 'taken' | 'not-ready' | 'full';

/** Saved state: plain data. */
export interface SavedMouse {
  readonly state: MouseState;
  /** The last report; the next one starts from it. */
  readonly last: MouseReport;
  readonly waiting: readonly WaitingReport[];
}

/** A report on its way. */
interface WaitingReport extends MouseReport {
  /** Nothing differs from the report before it but the position. */
  readonly onlyMoved: boolean;
}

const AT_REST: MouseReport = { buttons: 0, x: 0, y: 0, wheel: 0 };

/** The mouse of one guest. */
export default class Mouse implements Vsp<SavedMouse> {
  readonly offer = {
    name: 'mouse',
    interfaceId: interfaces.mouse.interfaceId,
    instanceId: interfaces.mouse.instanceId,
    kind: 'message-pipe',
  } as const;
  readonly #world: DeviceWorld;
  readonly #queue: EventQueue<WaitingReport>;
  #state: MouseState = 'closed';
  #last = AT_REST;

  constructor(world: DeviceWorld) {
    this.#world = world;
    this.#queue = new EventQueue({
      most: MOST_WAITING,
      packetBytes: SyntheticHeader.size + MouseReport.size,
      encode: (report) => encodeSynthetic(MouseMessage.InputReport, MouseReport.encode(report), 0),
      // Where the pointer was on its way matters to nobody, as long as nothing was pressed or turned there.
      merge: (waiting, next) => (waiting.onlyMoved && next.onlyMoved ? next : undefined),
    });
  }

  get state(): MouseState {
    return this.#state;
  }

  /** Where the pointer is and which buttons are down, as last reported. */
  get last(): Readonly<Omit<MouseReport, 'wheel'>> {
    return this.#last;
  }

  /**
   * Makes reports, in order; what one does not say stays as it was. Values beyond their range stop at its ends.
   *
   * @param done - called once, if they were taken, when the guest has them
   */
  report(changes: readonly Partial<MouseReport>[], done?: (delivery: Delivery) => void): ReportsTaken {
    if (this.#state !== 'ready') return 'not-ready';
    let last = this.#last;
    const reports = changes.map((change) => {
      const next = bounded({ ...last, wheel: 0, ...change });
      const onlyMoved = next.buttons === last.buttons && next.wheel === 0;
      last = next;
      return { ...next, onlyMoved };
    });
    if (!this.#queue.push(reports, done)) return 'full';
    this.#last = { ...last, wheel: 0 };
    return 'taken';
  }

  opened(): void {
    this.#state = 'negotiating';
    this.#last = AT_REST;
  }

  reopened(channel: Channel): void {
    if (this.#state === 'ready') this.#queue.open(channel);
  }

  packet(packet: Packet, channel: Channel): boolean {
    if (packet.type === PacketType.Completion) return true;
    const usable = packet.type === PacketType.InBand && packet.length <= MAX_MESSAGE;
    const message = usable ? decodeSynthetic(packet.payload()) : undefined;
    switch (message?.type) {
      case undefined:
        this.#guestError('packet that is no message');
        return true;
      case MouseMessage.ProtocolRequest:
        return this.#negotiate(message!.payload, channel);
      case MouseMessage.DeviceInfoAck:
        if (this.#state === 'describing') {
          this.#state = 'ready';
          this.#queue.open(channel);
        } else this.#guestError('acknowledgement of nothing');
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

  save(): SavedMouse {
    return { state: this.#state, last: this.#last, waiting: this.#queue.save() };
  }

  restore(saved: SavedMouse): void {
    this.#state = saved.state;
    this.#last = saved.last;
    this.#queue.restore(saved.waiting);
  }

  inspect(): Record<string, unknown> {
    const { buttons, x, y } = this.#last;
    return { state: this.#state, sent: this.#queue.sent, waiting: this.#queue.length, buttons, x, y };
  }

  #negotiate(payload: Uint8Array, channel: Channel): boolean {
    const request = MouseProtocolRequest.decode(payload);
    if (request === undefined) {
      this.#guestError('request without a version');
      return true;
    }
    const approved = request.version === MOUSE_VERSION ? 1 : 0;
    const { version } = request;
    const response = encodeSynthetic(
      MouseMessage.ProtocolResponse,
      MouseProtocolResponse.encode({ version, approved }),
      0,
    );
    const description = encodeSynthetic(MouseMessage.DeviceInfo, mouseDescription(), 0);
    // Both or none: whoever is told "approved" waits for the description.
    const reserved = channel.packetBytes(response.length);
    if (!channel.hasRoom(description.length, reserved)) {
      channel.whenRoom(response.length + description.length + reserved, () => channel.resume());
      return false;
    }
    channel.send(response);
    if (approved === 0) {
      this.#guestError('version that is not spoken here');
      return true;
    }
    channel.send(description);
    this.#queue.close();
    this.#state = 'describing';
    return true;
  }

  #guestError(what: string): void {
    this.#world.log.guestError(what);
  }
}

const within = (value: number, least: number, most: number): number =>
  Math.min(Math.max(Math.round(value), least), most) || 0;

function bounded({ buttons, x, y, wheel }: MouseReport): MouseReport {
  return {
    buttons: buttons & BUTTONS,
    x: within(x, 0, MOUSE_RANGE),
    y: within(y, 0, MOUSE_RANGE),
    wheel: within(wheel, -MOST_NOTCHES, MOST_NOTCHES),
  };
}
