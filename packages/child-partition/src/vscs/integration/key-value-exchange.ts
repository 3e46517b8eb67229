/** Key-value exchange, the guest's side: the host reads and writes the guest's pools, and asks for IP settings. */
import {
  decodeKvpValue,
  encodeKvpEntry,
  IcStatus,
  IntegrationService,
  KvpDelete,
  KvpEntry,
  KvpEnumerate,
  KvpHeader,
  KvpIpInfo,
  KvpOperation,
} from '@ringlet/protocols';
import type { IntegrationHandler } from './integration-vsc.ts';
import type { KeyValueStore } from './key-value-store.ts';

/** Adapters whose settings the host may leave with us. */
const MAX_ADAPTERS = 64;

/** Serves the host's requests from a store. */
export function keyValueExchange(store: KeyValueStore): IntegrationHandler {
  const adapters = new Map<string, KvpIpInfo>();
  return {
    service: IntegrationService.keyValueExchange,
    request(payload) {
      const header = KvpHeader.decode(payload);
      if (!header || !store.has(header.pool)) return IcStatus.Fail;
      const body = payload.subarray(KvpHeader.size);
      switch (header.operation) {
        case KvpOperation.Get:
          return get(store, header.pool, body);
        case KvpOperation.Set:
          return set(store, header.pool, body);
        case KvpOperation.Delete: {
          const request = KvpDelete.decode(body);
          return request && store.delete(header.pool, request.key) ? IcStatus.Success : IcStatus.Fail;
        }
        case KvpOperation.Enumerate:
          return enumerate(store, header.pool, body);
        case KvpOperation.GetIpInfo:
          return getIpInfo(adapters, payload);
        case KvpOperation.SetIpInfo:
          return setIpInfo(adapters, payload);
        default:
          return IcStatus.NotSupported;
      }
    },
  };
}

function get(store: KeyValueStore, pool: number, body: Uint8Array): number {
  const request = KvpEntry.decode(body);
  const value = request && store.get(pool, request.key);
  if (value === undefined) return IcStatus.Fail;
  body.set(KvpEntry.encode(encodeKvpEntry(request!.key, value)));
  return IcStatus.Success;
}

function set(store: KeyValueStore, pool: number, body: Uint8Array): number {
  const request = KvpEntry.decode(body);
  const value = request && decodeKvpValue(request);
  return value !== undefined && store.trySet(pool, request!.key, value) ? IcStatus.Success : IcStatus.Fail;
}

function enumerate(store: KeyValueStore, pool: number, body: Uint8Array): number {
  const request = KvpEnumerate.decode(body);
  if (!request) return IcStatus.Fail;
  const entry = store.entries(pool)[request.index];
  if (!entry) return IcStatus.NoMoreItems;
  body.set(KvpEnumerate.encode({ index: request.index, entry: encodeKvpEntry(...entry) }));
  return IcStatus.Success;
}

function getIpInfo(adapters: Map<string, KvpIpInfo>, payload: Uint8Array): number {
  const request = KvpIpInfo.decode(payload);
  const known = request && adapters.get(request.adapter.toLowerCase());
  if (!known) return IcStatus.Fail;
  const { operation, pool, adapter } = request;
  payload.set(KvpIpInfo.encode({ ...known, operation, pool, adapter }));
  return IcStatus.Success;
}

function setIpInfo(adapters: Map<string, KvpIpInfo>, payload: Uint8Array): number {
  const request = KvpIpInfo.decode(payload);
  if (!request) return IcStatus.Fail;
  const key = request.adapter.toLowerCase();
  if (!adapters.has(key) && adapters.size >= MAX_ADAPTERS) return IcStatus.Fail;
  adapters.set(key, request);
  return IcStatus.Success;
}
