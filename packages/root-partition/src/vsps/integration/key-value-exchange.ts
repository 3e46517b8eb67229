/**
 * Key-value exchange VSP: reads and writes the guest's pools of keys, and its IP settings.
 *
 * Nothing is saved: after a restore the versions are agreed anew. Many guests answer the negotiation only once a daemon
 * of theirs runs, if ever; until then every call ends with `not-ready`.
 */
import {
  decodeKvpValue,
  encodeKvpEntry,
  fitsKvp,
  IcStatus,
  IntegrationService,
  KVP_PAYLOAD_BYTES,
  KvpDelete,
  KvpEntry,
  KvpEnumerate,
  KvpHeader,
  KvpIpInfo,
  KvpOperation,
  type KvpValue,
} from '@ringlet/protocols';
import type { Channel, DeviceWorld, Packet, Vsp } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import { BehaviorSubject, type Observable } from 'rxjs';
import { type IcAnswer, integrationOffer, IntegrationSession } from './integration-session.ts';

/** 30 s, in units of 100 ns, and some: Linux's driver gives its daemon 30. */
const TIMEOUT = 350_000_000;
/** Calls that wait for their turn. */
const MAX_QUEUE = 64;
/** Entries that one enumeration returns: a guest that never says "no more" ends here. */
const MAX_ENTRIES = 4096;

/** How a call ended. `status` is what the guest answered. */
export type KvpResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: 'not-ready' | 'too-many' | 'timeout' | 'closed' | 'malformed' }
  | { readonly ok: false; readonly reason: 'refused'; readonly status: number };

/** Told how a call ended, exactly once. */
export type KvpDone<T> = (result: KvpResult<T>) => void;

interface Call {
  readonly payload: Uint8Array;
  readonly answered: (answer: IcAnswer) => void;
}

/** The keys of one guest. */
export default class KeyValueExchange implements Vsp {
  /** What guests see of it. */
  readonly offer = integrationOffer('key-value exchange', IntegrationService.keyValueExchange);
  readonly #session: IntegrationSession;
  readonly #ready = new BehaviorSubject(false);
  /** Whether the guest can be asked, now and whenever that changes. */
  readonly ready$: Observable<boolean> = this.#ready.asObservable();
  #queue: Call[] = [];

  constructor(world: DeviceWorld) {
    this.#session = new IntegrationSession(IntegrationService.keyValueExchange, world, {
      ready: () => this.#ready.next(true),
      closed: () => this.#closed(),
    });
  }

  /** The value of a key. */
  get(pool: number, key: string, done: KvpDone<KvpValue>): void {
    checkKey(key, 0);
    this.#call(KvpOperation.Get, pool, KvpEntry.encode(encodeKvpEntry(key, '')), done, (body) => {
      const entry = KvpEntry.decode(body);
      return entry && decodeKvpValue(entry);
    });
  }

  /** Sets a key. @throws UserError when key or value do not fit the protocol */
  set(pool: number, key: string, value: KvpValue, done: KvpDone<void>): void {
    checkKey(key, value);
    this.#call(KvpOperation.Set, pool, KvpEntry.encode(encodeKvpEntry(key, value)), nothing(done), (): true => true);
  }

  /** Deletes a key. */
  delete(pool: number, key: string, done: KvpDone<void>): void {
    checkKey(key, 0);
    const body = KvpDelete.encode({ keySize: 2 * (key.length + 1), key });
    this.#call(KvpOperation.Delete, pool, body, nothing(done), (): true => true);
  }

  /** All entries of a pool. Those whose value has a type never heard of are left out. */
  enumerate(pool: number, done: KvpDone<Map<string, KvpValue>>): void {
    const entries = new Map<string, KvpValue>();
    const next = (index: number): void => {
      const body = KvpEnumerate.encode({ index, entry: encodeKvpEntry('', '') });
      this.#call<KvpEntry>(
        KvpOperation.Enumerate,
        pool,
        body,
        (result) => {
          if (result.ok) {
            const value = decodeKvpValue(result.value);
            if (value !== undefined) entries.set(result.value.key, value);
            if (index + 1 < MAX_ENTRIES) next(index + 1);
            else done({ ok: true, value: entries });
          } else if (result.reason === 'refused' && result.status === IcStatus.NoMoreItems) {
            done({ ok: true, value: entries });
          } else done(result);
        },
        (answer) => KvpEnumerate.decode(answer)?.entry,
      );
    };
    next(0);
  }

  /** IP settings of an adapter. @param adapter - its GUID, in braces */
  ipInfo(adapter: string, done: KvpDone<KvpIpInfo>): void {
    const payload = KvpIpInfo.encode({ ...NO_IP_INFO, operation: KvpOperation.GetIpInfo, adapter });
    this.#enqueue(payload, done, (answer) => KvpIpInfo.decode(answer));
  }

  /** Changes IP settings of the adapter that they name. */
  setIpInfo(settings: Omit<KvpIpInfo, 'operation' | 'pool'>, done: KvpDone<void>): void {
    const payload = KvpIpInfo.encode({ ...settings, operation: KvpOperation.SetIpInfo, pool: 0 });
    this.#enqueue(payload, nothing(done), (): true => true);
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
    return { ...this.#session.inspect(), queued: this.#queue.length };
  }

  dispose(done: () => void): void {
    this.#ready.complete();
    done();
  }

  #call<T>(
    operation: number,
    pool: number,
    body: Uint8Array,
    done: KvpDone<T>,
    read: (body: Uint8Array) => T | undefined,
  ): void {
    const payload = new Uint8Array(KVP_PAYLOAD_BYTES);
    payload.set(KvpHeader.encode({ operation, pool }));
    payload.set(body, KvpHeader.size);
    this.#enqueue(payload, done, (answer) => read(answer.subarray(KvpHeader.size)));
  }

  #enqueue<T>(payload: Uint8Array, done: KvpDone<T>, read: (payload: Uint8Array) => T | undefined): void {
    const { state } = this.#session;
    if (state !== 'ready' && state !== 'busy') return done({ ok: false, reason: 'not-ready' });
    if (this.#queue.length >= MAX_QUEUE) return done({ ok: false, reason: 'too-many' });
    this.#queue.push({
      payload,
      answered: (answer) => {
        if (answer.outcome !== 'answered') return done({ ok: false, reason: answer.outcome });
        if (answer.status !== 0) return done({ ok: false, reason: 'refused', status: answer.status });
        const value = read(answer.payload);
        done(value === undefined ? { ok: false, reason: 'malformed' } : { ok: true, value });
      },
    });
    this.#next();
  }

  #next(): void {
    const call = this.#queue[0];
    if (call === undefined || this.#session.state !== 'ready') return;
    this.#queue.shift();
    this.#session.request(
      call.payload.length,
      () => call.payload,
      TIMEOUT,
      (answer) => {
        call.answered(answer);
        this.#next();
      },
    );
  }

  #closed(): void {
    this.#ready.next(false);
    for (const call of this.#queue.splice(0)) call.answered({ outcome: 'closed' });
  }
}

const NO_IP_INFO: KvpIpInfo = {
  operation: 0,
  pool: 0,
  adapter: '',
  family: 3,
  dhcp: 0,
  addresses: '',
  subnets: '',
  gateways: '',
  nameServers: '',
};

function checkKey(key: string, value: KvpValue): void {
  if (fitsKvp(key, value)) return;
  throw new UserError('key-value-too-long', `key or value does not fit: ${JSON.stringify(key.slice(0, 40))}`, {
    hint: 'A key has 1 to 255 UTF-16 units, a text value at most 1023, a number is unsigned.',
  });
}

/** For calls that answer nothing but success. */
const nothing =
  (done: KvpDone<void>): KvpDone<true> =>
  (result) =>
    done(result.ok ? { ok: true, value: undefined } : result);
