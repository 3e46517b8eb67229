/** Heartbeat VSP: asks the guest every two seconds whether it is alive. */
import { IcHeartbeat, IntegrationService } from '@ringlet/protocols';
import type { Channel, DeviceWorld, Packet, Vsp } from '@ringlet/vmbus';
import { BehaviorSubject, type Observable } from 'rxjs';
import { integrationOffer, IntegrationSession, type SavedSession } from './integration-session.ts';

/** In units of 100 ns: between beats, and until a silent guest counts as lost. */
const INTERVAL = 20_000_000;
const TIMEOUT = 100_000_000;

/** `no-contact`: never answered. `lost`: has stopped answering. */
export type HeartbeatState = 'no-contact' | 'ok' | 'lost';

/** Saved state: plain data. */
export interface SavedHeartbeat {
  /** The negotiation. */
  readonly session: SavedSession;
  /** How the guest was. */
  readonly state: HeartbeatState;
  /** Decimal: beyond what JSON's numbers hold. */
  readonly sequence: string;
}

/** The heartbeat of one guest. */
export default class Heartbeat implements Vsp<SavedHeartbeat> {
  /** What guests see of it. */
  readonly offer = integrationOffer('heartbeat', IntegrationService.heartbeat);
  readonly #world: DeviceWorld;
  readonly #session: IntegrationSession;
  readonly #states = new BehaviorSubject<HeartbeatState>('no-contact');
  /** The guest's state, now and whenever it changes. */
  readonly state$: Observable<HeartbeatState> = this.#states.asObservable();
  #sequence = 0n;
  #cancelBeat: (() => void) | undefined;

  constructor(world: DeviceWorld) {
    this.#world = world;
    this.#session = new IntegrationSession(IntegrationService.heartbeat, world, { ready: () => this.#beat() });
  }

  /** How the guest is. */
  get state(): HeartbeatState {
    return this.#states.value;
  }

  opened(channel: Channel): void {
    this.#session.opened(channel);
    if (this.#session.state === 'ready') this.#beatLater();
    if (this.#session.state === 'busy')
      this.#session.resumeRequest(TIMEOUT, (answer) => this.#answered(answer.outcome));
  }

  packet(packet: Packet): void {
    this.#session.packet(packet);
  }

  closed(_channel: Channel, done: () => void): void {
    this.#cancelBeat?.();
    this.#session.closed();
    this.#become('no-contact');
    done();
  }

  save(): SavedHeartbeat {
    return { session: this.#session.save(), state: this.state, sequence: String(this.#sequence) };
  }

  restore(saved: SavedHeartbeat): void {
    this.#session.restore(saved.session);
    this.#sequence = BigInt(saved.sequence);
    this.#become(saved.state);
  }

  inspect(): Record<string, unknown> {
    return { ...this.#session.inspect(), heartbeat: this.state, beats: String(this.#sequence) };
  }

  dispose(done: () => void): void {
    this.#cancelBeat?.();
    this.#states.complete();
    done();
  }

  #beat(): void {
    this.#sequence++;
    const payload = IcHeartbeat.encode({ sequence: this.#sequence, applicationState: 0 });
    this.#session.request(
      payload.length,
      () => payload,
      TIMEOUT,
      (answer) => this.#answered(answer.outcome),
    );
  }

  #answered(outcome: 'answered' | 'timeout' | 'closed'): void {
    if (outcome === 'closed') return;
    // A guest that answers is alive, whatever its status says.
    this.#become(outcome === 'answered' ? 'ok' : 'lost');
    this.#beatLater();
  }

  #beatLater(): void {
    this.#cancelBeat = this.#world.after(INTERVAL, () => this.#beat());
  }

  #become(state: HeartbeatState): void {
    if (state !== this.state) this.#states.next(state);
  }
}
