/** A machine's integration components: heartbeat, shutdown, time synchronisation and key-value exchange. */
import type { KvpPool, KvpValue } from '@ringlet/protocols';
import type { Vsp } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import Heartbeat from '../vsps/integration/heartbeat.ts';
import KeyValueExchange, { type KvpDone, type KvpResult } from '../vsps/integration/key-value-exchange.ts';
import Shutdown, { type ShutdownResult } from '../vsps/integration/shutdown.ts';
import TimeSync, { type TimeSyncOptions } from '../vsps/integration/time-sync.ts';
import { type GuestFacts, GuestWatch } from './guest-watch.ts';
import type { Answers, MachinePart, WorldOf } from './machine-part.ts';

/** Number of a pool of keys: one of `KvpPool`. */
export type KvpPoolNumber = (typeof KvpPool)[keyof typeof KvpPool];

/** What may be asked of a machine's integration components. */
export interface IntegrationRequests {
  /** Asks the guest to end. Answered when the guest has agreed. @throws UserError when it does not */
  shutdown(parameters: { reboot: boolean; force: boolean }): void;
  /** Makes the guest set its clock to the host's time. */
  syncTime(parameters: Record<string, never>): void;
  /** What the guest has published under key-value exchange, as `key → value`. @throws UserError when it cannot be asked */
  keyValues(parameters: { pool: KvpPoolNumber }): Record<string, string>;
  /** Gives the guest a value. @throws UserError when it does not take it */
  setKeyValue(parameters: { pool: KvpPoolNumber; key: string; value: string }): void;
  /** Takes a value from the guest. @throws UserError when it does not have it */
  deleteKeyValue(parameters: { pool: KvpPoolNumber; key: string }): void;
}

/** What a machine's integration components are made with. */
export interface MachineIntegrationOptions {
  readonly world: WorldOf;
  readonly time: TimeSyncOptions;
  /** The guest's heartbeat is another one now. */
  readonly heartbeat: (state: string) => void;
  /** What the guest says of itself is something else now. */
  readonly facts: (facts: GuestFacts) => void;
}

/** The integration components of one machine. */
export class MachineIntegration implements MachinePart<IntegrationRequests> {
  readonly vsps: readonly Vsp[];
  readonly #heartbeat: Heartbeat;
  readonly #shutdown: Shutdown;
  readonly #timeSync: TimeSync;
  readonly #keyValues: KeyValueExchange;
  readonly #watch: GuestWatch;

  constructor({ world, time, heartbeat, facts }: MachineIntegrationOptions) {
    this.#heartbeat = new Heartbeat(world('heartbeat'));
    this.#shutdown = new Shutdown(world('shutdown'));
    this.#keyValues = new KeyValueExchange(world('key-value exchange'));
    this.#timeSync = new TimeSync(world('time-sync'), time);
    this.vsps = [this.#heartbeat, this.#shutdown, this.#timeSync, this.#keyValues];
    this.#watch = new GuestWatch(world('guest facts'), this.#keyValues, facts);
    this.#heartbeat.state$.subscribe(heartbeat);
  }

  readonly answers: Answers<IntegrationRequests> = {
    shutdown: (options) =>
      new Promise((agreed, refused) => {
        this.#shutdown.request(options, (result) => (result === 'accepted' ? agreed() : refused(notDone(result))));
      }),
    syncTime: () => this.#timeSync.sync(),
    keyValues: async ({ pool }) => {
      const entries = await answered<Map<string, KvpValue>>((done) => this.#keyValues.enumerate(pool, done));
      return Object.fromEntries([...entries].map(([key, value]) => [key, String(value)]));
    },
    deleteKeyValue: ({ pool, key }) => answered<void>((done) => this.#keyValues.delete(pool, key, done)),
    setKeyValue: ({ pool, key, value }) => answered<void>((done) => this.#keyValues.set(pool, key, value, done)),
  };

  inspect(): Record<string, unknown> {
    return { heartbeat: this.#heartbeat.state, guest: this.#watch.facts };
  }

  dispose(done: () => void): void {
    this.#watch.dispose();
    done();
  }
}

/** A key-value call as a promise. */
async function answered<T>(call: (done: KvpDone<T>) => void): Promise<T> {
  const result = await new Promise<KvpResult<T>>(call);
  if (result.ok) return result.value;
  throw new UserError(`key-value-${result.reason}`, `the guest's key-value exchange is ${result.reason}`, {
    hint: 'a Linux guest answers once its hv_kvp_daemon runs',
  });
}

/** Why the guest will not shut down, for people. */
function notDone(result: Exclude<ShutdownResult, 'accepted'>): UserError {
  const why = {
    refused: 'the guest refused to shut down',
    'not-ready': 'the guest cannot be asked to shut down: it has not opened the shutdown component',
    'in-progress': 'the guest has been asked to shut down already',
    timeout: 'the guest did not answer the request to shut down',
    closed: 'the guest closed the shutdown component before it answered',
  }[result];
  return new UserError(`shutdown-${result}`, why, { hint: 'ringlet stop NAME --force turns it off' });
}
