/** A channel opened by hand, so that its rings can be filled with anything: well-formed packets, nonsense, or both. */
import { ScsiOp, SCSI_CONTROLLER_INTERFACE, vstorPacketSize, VstorOperation, VstorVersion } from '@ringlet/protocols';
import { encodeMessage, gpadlMessages, type Offer, RingChannel } from '@ringlet/vmbus';
import type { Guest } from 'ringlet';
import type { HostileBus } from './hostile-bus.ts';
import { anyMessage, firstMessages, SEAT } from './hostile-messages.ts';
import type { Random } from './random.ts';

const PAGE = 4096;
/** Pages of one ring. */
const RING_PAGES = 5;
const USER_BYTES = 120;
const REQUEST_COMPLETION = 1;
const PACKET = vstorPacketSize(VstorVersion.Blue);

/** One device's channel, again and again. */
export class HostileChannel {
  /** Packets that the device has answered: what shows that it was reached at all. */
  answers = 0;
  readonly #guest: Guest;
  readonly #bus: HostileBus;
  readonly #random: Random;
  readonly #offer: Offer;
  readonly #memoryPages: number;
  readonly #first: number;
  #gpadl = 0x4000;
  #ring: RingChannel | undefined;

  constructor(guest: Guest, bus: HostileBus, random: Random, offer: Offer, memoryPages: number) {
    this.#guest = guest;
    this.#bus = bus;
    this.#random = random;
    this.#offer = offer;
    this.#memoryPages = memoryPages;
    this.#first = guest.pages.allocate(2 * RING_PAGES);
  }

  /** Closes what is open, as far as the root lets it, and opens on fresh rings. */
  reopen(): void {
    const { relid } = this.#offer;
    this.#ring?.close();
    this.#bus.post(encodeMessage('CloseChannel', { relid }));
    this.#bus.post(encodeMessage('GpadlTeardown', { relid, gpadl: this.#gpadl }));
    this.#gpadl++;
    const page = (i: number): number => this.#first + i;
    const pages = Float64Array.from({ length: 2 * RING_PAGES }, (_, i) => page(i));
    const open = {
      relid,
      openId: 1,
      ringGpadl: this.#gpadl,
      targetVp: 0,
      downstreamPageOffset: RING_PAGES,
      userData: new Uint8Array(USER_BYTES),
    };
    this.#ring = new RingChannel({
      relid,
      subchannelIndex: 0,
      userData: open.userData,
      memory: this.#guest.memory,
      outgoing: Array.from({ length: RING_PAGES }, (_, i) => page(i)),
      incoming: Array.from({ length: RING_PAGES }, (_, i) => page(RING_PAGES + i)),
      signal: () => this.#bus.signal(this.#offer.connectionId),
      initialize: true,
    });
    this.#ring.onPacket(() => void this.answers++);
    const range = { byteCount: pages.length * PAGE, byteOffset: 0, pages };
    for (const message of gpadlMessages(relid, this.#gpadl, range)) this.#bus.post(message);
    this.#bus.post(encodeMessage('OpenChannel', open));
    if (this.#random.below(4) === 0) return;
    if (this.#offer.interfaceId === SCSI_CONTROLLER_INTERFACE) this.#negotiate();
    if (SEAT.includes(this.#offer.interfaceId)) this.#introduce();
  }

  /** One thing that is done to the rings. */
  anything(): void {
    const random = this.#random;
    const ring = this.#ring;
    if (!ring || random.below(24) === 0) return this.reopen();
    const payload = random.below(3) > 0 ? this.#message() : random.fill(new Uint8Array(random.below(300)));
    switch (random.below(8)) {
      case 0:
        ring.send(payload, random.word(), random.word());
        break;
      case 1:
        ring.request(payload, random.word(), random.word());
        break;
      case 2:
      case 3:
      case 4: {
        const length = random.of([512, 4096, 8192, random.below(65536), random.hostile()]);
        const pages = Array.from({ length: Math.min(32, 1 + (length >>> 12)) }, () =>
          random.of([random.below(this.#memoryPages), random.below(this.#memoryPages), random.word()]),
        );
        ring.requestDirect(payload, pages, random.of([0, 0, random.below(4096)]), length, random.word(), 0);
        break;
      }
      case 5:
        this.#word(
          random.of([0, 1, 2, 3, 16, random.below(1024)]),
          random.of([random.hostile(), 8 * random.below(2048)]),
        );
        break;
      case 6:
        this.#word(1024 + random.below((RING_PAGES - 1) * 1024), random.hostile());
        break;
      default:
        this.#handMade();
    }
    ring.flush();
    if (random.below(3) === 0) this.#bus.signal(this.#offer.connectionId);
    ring.poll(64);
  }

  /** What a driver says first. */
  #negotiate(): void {
    const say = (operation: number, argument = 0): void => {
      const packet = new Uint8Array(PACKET);
      const view = new DataView(packet.buffer);
      view.setUint32(0, operation, true);
      view.setUint32(4, REQUEST_COMPLETION, true);
      view.setUint16(12, argument, true);
      this.#ring!.request(packet, operation, 0);
    };
    say(VstorOperation.BeginInitialization);
    say(VstorOperation.QueryProtocolVersion, VstorVersion.Blue);
    say(VstorOperation.QueryProperties);
    say(VstorOperation.EndInitialization);
    this.#ring!.flush();
    this.#bus.signal(this.#offer.connectionId);
  }

  #introduce(): void {
    for (const message of firstMessages(this.#offer.interfaceId)) this.#ring!.send(message);
    this.#ring!.flush();
    this.#bus.signal(this.#offer.connectionId);
  }

  #message(): Uint8Array {
    const { interfaceId } = this.#offer;
    return SEAT.includes(interfaceId) ? anyMessage(interfaceId, this.#random) : this.#command();
  }

  /** A storage request that has some of the right things in it. */
  #command(): Uint8Array {
    const random = this.#random;
    const packet = random.fill(new Uint8Array(PACKET));
    const view = new DataView(packet.buffer);
    view.setUint32(0, random.of([3, 3, 3, 3, ...Object.values(VstorOperation)]), true);
    view.setUint32(4, REQUEST_COMPLETION, true);
    packet.fill(0, 12, 20);
    if (random.below(8) === 0) packet[19] = random.below(256);
    packet[20] = random.of([6, 10, 12, 16, random.below(256)]);
    packet[21] = 20;
    packet[22] = random.of([0, 1, 2, random.below(256)]);
    view.setUint32(24, random.of([0, 512, 4096, 8192, random.hostile()]), true);
    packet[28] = random.of([...Object.values(ScsiOp), random.below(256)]);
    // Small big-endian addresses and lengths, so that some requests are ones that can be done.
    if (random.below(2) === 0) packet.fill(0, 29, 44);
    packet[33] = random.below(256);
    packet[36] = random.below(20);
    packet[41] = random.below(20);
    return packet;
  }

  /** A descriptor written and published by hand. */
  #handMade(): void {
    const random = this.#random;
    const at = this.#at(0);
    const { words } = this.#guest.memory;
    const size = (RING_PAGES - 1) * PAGE;
    const write = ((words[at]! >>> 0) % size) & ~7;
    const data = this.#at(1024) + (write >>> 2);
    words[data] = random.of([6, 7, 9, 11, random.below(16)]) | (random.of([2, 3, random.below(65536)]) << 16);
    words[data + 1] = random.of([2, 4, 20, random.below(65536)]) | (random.of([0, 1, random.below(65536)]) << 16);
    Atomics.store(words, at, random.of([(write + 8 * random.below(64)) % size, random.hostile()]));
  }

  #word(index: number, value: number): void {
    const page = this.#random.below(2) * RING_PAGES + (index >>> 10);
    Atomics.store(this.#guest.memory.words, this.#at(0) + page * 1024 + (index & 1023), value);
  }

  /** Word index, in the node, of a word of the outgoing ring. */
  #at(word: number): number {
    return (this.#guest.memory.find(this.#first * PAGE, 2 * RING_PAGES * PAGE, 3) >>> 2) + word;
  }
}
