/**
 * Guest watch: what a guest says of itself in the pool that its operating system writes, asked again and again.
 *
 * Keys are those that Windows and Linux's hv_kvp_daemon have. A guest that nobody there answers for has no facts.
 */
import { KvpPool, type KvpValue } from '@ringlet/protocols';
import type { DeviceWorld } from '@ringlet/vmbus';
import type KeyValueExchange from '../vsps/integration/key-value-exchange.ts';

/** Between two looks, in units of 100 ns: 15 s. Addresses change when the guest gets a lease. */
const INTERVAL = 150_000_000;

/** What is known of a guest's inside; plain data. A field that the guest does not tell is absent. */
export interface GuestFacts {
  /** Its name, with its domain where it has one. */
  readonly hostname?: string;
  /** Name of its operating system. */
  readonly os?: string;
  /** Version of its operating system: `12`. */
  readonly osVersion?: string;
  /** Version of its kernel, or the number of its build. */
  readonly kernel?: string;
  /** What its processor is to it: `x86_64`. */
  readonly architecture?: string;
  /** Version of its integration components. */
  readonly integration?: string;
  /** Its addresses, of IPv4 first. */
  readonly addresses?: readonly string[];
}

/** Watches one guest. */
export class GuestWatch {
  readonly #world: DeviceWorld;
  readonly #keyValues: KeyValueExchange;
  readonly #changed: (facts: GuestFacts) => void;
  readonly #subscription: { unsubscribe(): void };
  #cancel: (() => void) | undefined;
  #facts: GuestFacts = {};
  #told = '{}';

  /** @param changed - called with all facts when one is another than before */
  constructor(world: DeviceWorld, keyValues: KeyValueExchange, changed: (facts: GuestFacts) => void) {
    this.#world = world;
    this.#keyValues = keyValues;
    this.#changed = changed;
    this.#subscription = keyValues.ready$.subscribe((ready) => (ready ? this.#look() : this.#stop()));
  }

  /** What is known now. */
  get facts(): GuestFacts {
    return this.#facts;
  }

  dispose(): void {
    this.#cancel?.();
    this.#subscription.unsubscribe();
  }

  #look(): void {
    this.#keyValues.enumerate(KvpPool.Auto, (result) => {
      if (result.ok) this.#learn(factsOf(result.value));
      // The channel may have been closed, which ends the looking, or others ask at the same time, which does not.
      else if (result.reason === 'closed') return;
      this.#cancel = this.#world.after(INTERVAL, () => this.#look());
    });
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#learn({});
  }

  #learn(facts: GuestFacts): void {
    const text = JSON.stringify(facts);
    if (text === this.#told) return;
    this.#told = text;
    this.#facts = facts;
    this.#changed(facts);
  }
}

/** Facts out of the pool's keys. What a guest writes there is text of its own: it is passed on, not believed. */
export function factsOf(keys: ReadonlyMap<string, KvpValue>): GuestFacts {
  const text = (...names: readonly string[]): string | undefined => {
    for (const name of names) {
      const value = keys.get(name);
      if (value !== undefined && String(value) !== '') return String(value);
    }
    return undefined;
  };
  const addresses = ['NetworkAddressIPv4', 'NetworkAddressIPv6']
    .flatMap((name) => (text(name) ?? '').split(';'))
    .filter((address) => address !== '' && address !== '127.0.0.1' && address !== '::1');
  // Linux's daemon writes down why it could not find out.
  const hostname = text('FullyQualifiedDomainName');
  const named = {
    hostname: hostname?.startsWith('getaddrinfo failed') === true ? undefined : hostname,
    os: text('OSName'),
    osVersion:
      text('OSMajorVersion') === undefined
        ? text('OSVersion')
        : versionOf(text('OSMajorVersion'), text('OSMinorVersion')),
    kernel: text('OSBuildNumber'),
    architecture: text('ProcessorArchitecture'),
    integration: text('IntegrationServicesVersion'),
  };
  const known = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
  return addresses.length === 0 ? known : { ...known, addresses };
}

const versionOf = (major: string | undefined, minor: string | undefined): string | undefined =>
  minor === undefined ? major : `${major}.${minor}`;
