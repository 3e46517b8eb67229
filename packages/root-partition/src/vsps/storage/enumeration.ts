/** Enumeration: tells the guest to look at all units again, once for however many changes there were meanwhile. */
import { VstorAt, VstorOperation, vstorPacketSize, VstorVersion } from '@ringlet/protocols';
import type { Lane } from './lane.ts';

/** The pending ENUMERATE_BUS of a controller. */
export class Enumeration {
  #pending = false;
  /** The lane it waits on; another one's room does not concern it. */
  #lane: Lane | undefined;

  /** The guest looks at all units anyway: it has just become ready, or is gone. */
  cancel(): void {
    this.#pending = false;
    this.#lane = undefined;
  }

  /**
   * Sends the message, at once or when it fits behind the answers that are promised.
   *
   * @param version - guests before Windows 7 do not know it
   */
  tell(lane: Lane, version: number): void {
    if (this.#pending || version < VstorVersion.Win7) return;
    this.#pending = true;
    this.#lane = lane;
    this.#send(lane, vstorPacketSize(version));
  }

  #send(lane: Lane, size: number): void {
    if (!this.#pending || this.#lane !== lane || lane.closing !== undefined) return;
    if (!lane.channel.hasRoom(size, lane.reserved)) {
      lane.channel.whenRoom(size + lane.reserved, () => this.#send(lane, size));
      return;
    }
    this.#pending = false;
    const message = new Uint8Array(size);
    message[VstorAt.operation] = VstorOperation.EnumerateBus;
    lane.channel.send(message);
    lane.channel.flush();
  }
}
