/** Which of a guest's channels are run, and when: those that were rung, those that had more, those that are watched. */
import type { RingChannel } from '../channel/ring-channel.ts';
import { WatchedChannels } from '../channel/watched-channels.ts';

/** Packets that one channel handles before the others get their turn. */
const PACKETS_PER_POLL = 256;

/** The channels of one virtual processor that have something to do. */
export class ChannelRuns {
  readonly #busy = new Set<RingChannel>();
  readonly #watched = new WatchedChannels<RingChannel>();
  #stayAwake = false;

  /** Whether a channel wants to run although nobody rang. */
  get pending(): boolean {
    return this.#busy.size !== 0;
  }

  /** The next round runs this channel. */
  soon(channel: RingChannel): void {
    this.#busy.add(channel);
  }

  /** Runs a channel now. What it leaves is for the next round. */
  run(channel: RingChannel): void {
    const stayMasked = this.#stayAwake && this.#watched.add(channel);
    if (channel.poll(PACKETS_PER_POLL, stayMasked)) this.#busy.add(channel);
  }

  /**
   * One round.
   *
   * @param stayAwake - the processor will not sleep before the next; otherwise no channel is watched any more
   * @param interrupts - takes interrupts, which run channels
   */
  round(stayAwake: boolean, interrupts: () => boolean): boolean {
    this.#stayAwake = stayAwake;
    if (!stayAwake) for (let each = this.#watched.take(); each; each = this.#watched.take()) this.#busy.add(each);
    // Who is busy is taken first: a channel that an interrupt runs now has had its turn.
    const busy = this.#busy.size === 0 ? undefined : [...this.#busy];
    this.#busy.clear();
    const more = interrupts();
    if (busy) for (const channel of busy) this.run(channel);
    return more || this.pending;
  }

  /** While the processor stays awake: whether a watched channel has packets, which the next round will handle. Cheap. */
  peek(): boolean {
    const channel = this.#watched.look();
    if (channel === undefined) return false;
    this.#busy.add(channel);
    return true;
  }

  /** The bus is gone. */
  clear(): void {
    this.#busy.clear();
    while (this.#watched.take());
  }
}
