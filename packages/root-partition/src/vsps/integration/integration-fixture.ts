/** A guest's end of an integration component on real rings, for tests. */
import { decodeIc, encodeIc, encodeIcVersions, type IcHeader, type IcVersion } from '@ringlet/protocols';
import { type Channel, RingChannel, type Vsp } from '@ringlet/vmbus';
import { type RecordedWorld, recordedWorld, smallMemory } from '../../testing/guest-hands.ts';

/** The guest's end of a component: it answers nothing unless told. */
export class ScriptedGuest {
  readonly world: RecordedWorld;
  readonly #vsp: Vsp;
  readonly #root: RingChannel;
  readonly #guest: RingChannel;
  readonly #messages: Uint8Array[] = [];
  readonly packetTypes: number[] = [];

  constructor(make: (world: RecordedWorld) => Vsp) {
    const memory = smallMemory();
    this.world = recordedWorld(memory);
    this.#vsp = make(this.world);
    const pages = (first: number) => Float64Array.from({ length: 4 }, (_, i) => first + i);
    const end = (incoming: number, outgoing: number) =>
      new RingChannel({
        relid: 1,
        subchannelIndex: 0,
        userData: new Uint8Array(120),
        memory,
        incoming: pages(incoming),
        outgoing: pages(outgoing),
        signal: () => {},
      });
    this.#root = end(0, 4);
    this.#guest = end(4, 0);
    this.#guest.onPacket((packet) => {
      this.packetTypes.push(packet.type);
      this.#messages.push(packet.payload());
    });
    this.#vsp.opened!(this.#root);
    this.#root.onPacket((packet, channel) => this.#vsp.packet(packet, channel));
  }

  get channel(): Channel {
    return this.#root;
  }

  /** What the host has sent since. */
  received() {
    this.#guest.poll(100);
    return this.#messages.splice(0).map((message) => ({ ...decodeIc(message)!, bytes: message.length }));
  }

  send(message: Uint8Array): void {
    this.#guest.send(message, 1, 0);
    this.#guest.flush();
    this.#root.poll(100);
  }

  /** Answers the request that was sent last. */
  answer(
    request: { header: IcHeader; payload: Uint8Array },
    changes: Partial<IcHeader> = {},
    payload = request.payload,
  ) {
    this.send(encodeIc({ ...request.header, flags: 5, ...changes }, payload));
  }

  /** Agrees on versions. */
  negotiate(framework: IcVersion, message: IcVersion): void {
    const request = this.received().at(-1)!;
    this.answer(request, {}, encodeIcVersions({ framework: [framework], message: [message] }));
  }

  close(): void {
    this.#vsp.closed!(this.#root, () => {});
  }
}

/** A component and the guest that has opened it. */
export function guestOf<V extends Vsp>(make: (world: RecordedWorld) => V): { guest: ScriptedGuest; vsp: V } {
  let vsp: V | undefined;
  const guest = new ScriptedGuest((world) => (vsp = make(world)));
  return { guest, vsp: vsp! };
}
