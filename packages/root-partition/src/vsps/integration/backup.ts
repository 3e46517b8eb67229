/**
 * Backup VSP: makes a guest write out what it holds and keep its file systems still, so that its disks can be copied in a
 * state that they would be in after an orderly unmount (Hyper-V's VSS component).
 *
 *     thawed ──freeze──▶ freezing ──▶ frozen ──thaw, or too long──▶ thawing ──▶ thawed
 *
 * A frozen guest is never forgotten: whoever froze it and does not thaw it in time finds it thawed. After a restore it is
 * thawed once, whatever it was. In Linux a daemon, hv_vss_daemon, does it; without it a freeze is refused.
 */
import { BackupMessage, BackupOperation, IntegrationService } from '@ringlet/protocols';
import type { Channel, DeviceWorld, Packet, Vsp } from '@ringlet/vmbus';
import { type IcAnswer, integrationOffer, IntegrationSession } from './integration-session.ts';

/** In units of 100 ns: for an answer, a minute; until a frozen guest is thawed in any case, two. */
const TIMEOUT = 600_000_000;
const MOST_FROZEN = 1_200_000_000;

/** How a freeze or thaw ended. */
export type BackupResult = 'done' | 'not-ready' | 'in-progress' | 'refused' | 'timeout' | 'closed' | 'thawed-meanwhile';

/** Freezes and thaws one guest. */
export default class Backup implements Vsp {
  readonly offer = integrationOffer('backup', IntegrationService.backup);
  readonly #world: DeviceWorld;
  readonly #session: IntegrationSession;
  #state: 'thawed' | 'freezing' | 'frozen' | 'thawing' = 'thawed';
  #cancelThaw: (() => void) | undefined;
  #freezes = 0;

  constructor(world: DeviceWorld) {
    this.#world = world;
    this.#session = new IntegrationSession(IntegrationService.backup, world, { closed: () => this.#thawed() });
  }

  /** Makes the guest write out everything, and hold still until {@link thaw}. */
  freeze(done: (result: BackupResult) => void): void {
    if (this.#state !== 'thawed') return done('in-progress');
    const asked = this.#ask(BackupOperation.Freeze, (result) => {
      if (result === 'done') {
        this.#state = 'frozen';
        this.#freezes++;
        this.#cancelThaw = this.#world.after(MOST_FROZEN, () => this.thaw(() => {}));
        return done('done');
      }
      // It may have frozen some of its file systems, or do so when nobody waits any more.
      this.#state = 'frozen';
      this.thaw(() => done(result));
    });
    if (asked) this.#state = 'freezing';
    else done('not-ready');
  }

  /** Lets the guest go on. */
  thaw(done: (result: BackupResult) => void): void {
    if (this.#state !== 'frozen') return done('thawed-meanwhile');
    this.#state = 'thawing';
    const asked = this.#ask(BackupOperation.Thaw, (result) => {
      this.#thawed();
      done(result);
    });
    if (asked) return;
    this.#thawed();
    done('closed');
  }

  opened(channel: Channel): void {
    this.#session.opened(channel);
  }

  packet(packet: Packet): void {
    this.#session.packet(packet);
  }

  closed(_channel: Channel, done: () => void): void {
    this.#session.closed();
    done();
  }

  inspect(): Record<string, unknown> {
    return { ...this.#session.inspect(), fileSystems: this.#state, freezes: this.#freezes };
  }

  dispose(done: () => void): void {
    this.#cancelThaw?.();
    done();
  }

  #ask(operation: number, done: (result: BackupResult) => void): boolean {
    const payload = BackupMessage.encode({ operation, flags: 0 });
    return this.#session.request(
      payload.length,
      () => payload,
      TIMEOUT,
      (answer) => done(resultOf(answer)),
    );
  }

  #thawed(): void {
    this.#cancelThaw?.();
    this.#cancelThaw = undefined;
    this.#state = 'thawed';
  }
}

function resultOf(answer: IcAnswer): BackupResult {
  if (answer.outcome !== 'answered') return answer.outcome;
  return answer.status === 0 ? 'done' : 'refused';
}
