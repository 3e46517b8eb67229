/** Shutdown VSP: asks the guest to power off or to restart. That it does so is seen elsewhere, later, if at all. */
import { IcShutdown, IcShutdownFlag, IcStatus, IntegrationService } from '@ringlet/protocols';
import type { Channel, DeviceWorld, Packet, Vsp } from '@ringlet/vmbus';
import { BehaviorSubject, type Observable } from 'rxjs';
import { type IcAnswer, integrationOffer, IntegrationSession, type SavedSession } from './integration-session.ts';

/** How long an answer is waited for, in units of 100 ns: a minute. */
const TIMEOUT = 600_000_000;
/** SHTDN_REASON_FLAG_PLANNED of Windows: what Hyper-V sends. */
const PLANNED = 0x8000_0000;
/** Bytes of the message, terminator included. */
const MESSAGE_BYTES = 2048;

/** What the guest is asked. */
export interface ShutdownOptions {
  /** Restart instead of powering off. */
  readonly reboot?: boolean;
  /** Do not wait for what runs. */
  readonly force?: boolean;
  /** For the guest's users; ASCII, cut at 2047 characters. */
  readonly message?: string;
}

/**
 * What came of it. `accepted`: the guest will. `refused`: it will not. `not-ready`: it has not opened the channel, or has
 * not agreed on a version yet. `in-progress`: it has been asked already.
 */
export type ShutdownResult = 'accepted' | 'refused' | 'not-ready' | 'in-progress' | 'timeout' | 'closed';

/** Saved state: plain data. */
export interface SavedShutdown {
  /** The negotiation. */
  readonly session: SavedSession;
}

/** The off switch of one guest. */
export default class Shutdown implements Vsp<SavedShutdown> {
  /** What guests see of it. */
  readonly offer = integrationOffer('shutdown', IntegrationService.shutdown);
  readonly #session: IntegrationSession;
  readonly #ready = new BehaviorSubject(false);
  /** Whether the guest can be asked, now and whenever that changes. */
  readonly ready$: Observable<boolean> = this.#ready.asObservable();

  constructor(world: DeviceWorld) {
    this.#session = new IntegrationSession(IntegrationService.shutdown, world, {
      ready: () => this.#ready.next(true),
      closed: () => this.#ready.next(false),
    });
  }

  /** Asks the guest to end. `done` is called exactly once, at once when the guest cannot be asked. */
  request(options: ShutdownOptions, done: (result: ShutdownResult) => void): void {
    const { state } = this.#session;
    if (state !== 'ready') return done(state === 'busy' ? 'in-progress' : 'not-ready');
    const payload = IcShutdown.encode({
      reason: PLANNED,
      timeoutSeconds: 0,
      flags: (options.reboot ? IcShutdownFlag.Restart : 0) | (options.force ? IcShutdownFlag.Force : 0),
      message: ascii(options.message ?? '').subarray(0, MESSAGE_BYTES - 1),
    });
    this.#session.request(
      payload.length,
      () => payload,
      TIMEOUT,
      (answer) => done(resultOf(answer)),
    );
  }

  opened(channel: Channel): void {
    this.#session.opened(channel);
    // Whoever asked is gone with the process that was saved; the answer only ends the request.
    if (this.#session.state === 'busy') this.#session.resumeRequest(TIMEOUT, () => {});
    this.#ready.next(this.#session.state === 'ready' || this.#session.state === 'busy');
  }

  packet(packet: Packet): void {
    this.#session.packet(packet);
  }

  closed(_channel: Channel, done: () => void): void {
    this.#session.closed();
    done();
  }

  save(): SavedShutdown {
    return { session: this.#session.save() };
  }

  restore(saved: SavedShutdown): void {
    this.#session.restore(saved.session);
  }

  inspect(): Record<string, unknown> {
    return this.#session.inspect();
  }

  dispose(done: () => void): void {
    this.#ready.complete();
    done();
  }
}

function resultOf(answer: IcAnswer): ShutdownResult {
  if (answer.outcome !== 'answered') return answer.outcome;
  return answer.status === IcStatus.Success ? 'accepted' : 'refused';
}

const ascii = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => (character.charCodeAt(0) < 0x80 ? character.charCodeAt(0) : 0x3f));
