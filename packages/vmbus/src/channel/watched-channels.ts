/**
 * Watched channels: those that a thread which is awake anyway looks at by itself, instead of being rung for each packet.
 *
 * While a channel is watched its incoming ring stays masked, so the peer spares the doorbell and we the interrupt: on a
 * busy channel that is most of what a packet costs. Whoever watches must look again all the time, and let the channels go
 * (poll them once without staying masked) before it sleeps.
 */

/** What is watched: an end of a channel that can be asked whether packets wait. */
export interface Watched {
  readonly hasPackets: boolean;
}

/** More would make a look as expensive as an interrupt. */
const MOST_WATCHED = 8;

/** A few channels, looked at in turn. Allocates nothing. */
export class WatchedChannels<Channel extends Watched> {
  readonly #channels: Channel[] = [];

  /** Starts to watch a channel. @returns false when there is no more room: it must be rung. */
  add(channel: Channel): boolean {
    if (this.#channels.includes(channel)) return true;
    if (this.#channels.length === MOST_WATCHED) return false;
    this.#channels.push(channel);
    return true;
  }

  /** The first watched channel with packets, if any. */
  look(): Channel | undefined {
    const channels = this.#channels;
    for (let i = 0; i < channels.length; i++) if (channels[i]!.hasPackets) return channels[i];
    return undefined;
  }

  /** Stops watching one, which the caller then polls without staying masked. @returns undefined when none is left. */
  take(): Channel | undefined {
    return this.#channels.pop();
  }
}
