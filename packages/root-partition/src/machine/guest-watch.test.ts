import type { KvpValue } from '@ringlet/protocols';
import { BehaviorSubject } from 'rxjs';
import { expect, test } from 'vitest';
import type KeyValueExchange from '../vsps/integration/key-value-exchange.ts';
import type { KvpDone } from '../vsps/integration/key-value-exchange.ts';
import { recordedWorld, smallMemory } from '../testing/guest-hands.ts';
import { factsOf, type GuestFacts, GuestWatch } from './guest-watch.ts';

const MINUTE = 600_000_000;

test('facts are those of the keys that Linux and Windows have', () => {
  const keys = new Map<string, KvpValue>([
    ['FullyQualifiedDomainName', 'web.example'],
    ['OSName', 'Debian GNU/Linux'],
    ['OSMajorVersion', '12'],
    ['OSMinorVersion', '8'],
    ['OSBuildNumber', '6.1.0-56-cloud-amd64'],
    ['ProcessorArchitecture', 'x86_64'],
    ['IntegrationServicesVersion', '3.1'],
    ['NetworkAddressIPv4', '10.0.0.2;127.0.0.1'],
    ['NetworkAddressIPv6', 'fe80::1;::1'],
  ]);
  expect(factsOf(keys)).toEqual({
    hostname: 'web.example',
    os: 'Debian GNU/Linux',
    osVersion: '12.8',
    kernel: '6.1.0-56-cloud-amd64',
    architecture: 'x86_64',
    integration: '3.1',
    addresses: ['10.0.0.2', 'fe80::1'],
  });
});

test('what a guest does not know is absent', () => {
  const keys = new Map<string, KvpValue>([
    ['FullyQualifiedDomainName', 'getaddrinfo failed: 0xfffffffd Temporary failure in name resolution'],
    ['OSName', 'Linux'],
    ['OSVersion', '6.1.0'],
    ['OSMajorVersion', ''],
    ['NetworkAddressIPv4', ''],
  ]);
  expect(factsOf(keys)).toEqual({ os: 'Linux', osVersion: '6.1.0' });
});

test('it looks when the guest can be asked, and again, and tells only of changes', () => {
  const world = recordedWorld(smallMemory());
  const ready$ = new BehaviorSubject(false);
  let asked = 0;
  let name = 'one';
  const keyValues = {
    ready$,
    enumerate: (_pool: number, done: KvpDone<Map<string, KvpValue>>) => {
      asked++;
      if (name === '') done({ ok: false, reason: 'timeout' });
      else done({ ok: true, value: new Map([['OSName', name]]) });
    },
  } as unknown as KeyValueExchange;
  const told: GuestFacts[] = [];
  const watch = new GuestWatch(world, keyValues, (facts) => told.push(facts));
  expect(asked).toBe(0);
  ready$.next(true);
  world.advance(MINUTE);
  expect({ asked, told }).toEqual({ asked: 2, told: [{ os: 'one' }] });
  name = '';
  world.advance(MINUTE);
  name = 'two';
  world.advance(MINUTE);
  expect({ asked, told }).toEqual({ asked: 4, told: [{ os: 'one' }, { os: 'two' }] });
  ready$.next(false);
  expect(told.at(-1)).toEqual({});
  watch.dispose();
  world.advance(MINUTE);
  expect(asked).toBe(4);
});
