/**
 * Key-value exchange: payloads of the KVP integration component (`hv_kvp_msg`, `hv_kvp_ip_msg` of Linux's
 * `include/uapi/linux/hyperv.h`). Framing is that of `integration.ts`; offsets here count from the payload's start.
 *
 *     0    1    2    4                             operations but IP information
 *     ┌────┬────┬────┬───────────────────────────
 *     │ op │pool│ 0  │ body, by operation
 *     └────┴────┴────┴───────────────────────────
 *     0    1    2                                  IP information: packed, no padding
 *     ┌────┬────┬─────────────────────────────────
 *     │ op │pool│ adapter, family, …
 *     └────┴────┴─────────────────────────────────
 */
import { bytes, type Infer, named, reserved, struct, u32, u8, utf16 } from '@ringlet/wire';

/** Operations. A peer may write any other number. */
export const KvpOperation = { Get: 0, Set: 1, Delete: 2, Enumerate: 3, GetIpInfo: 4, SetIpInfo: 5 } as const;

/** Pools of keys. 0 is written by the host, 2 by the guest's operating system. */
export const KvpPool = { External: 0, Guest: 1, Auto: 2, AutoExternal: 3 } as const;

/** Registry value types that a value may have. */
export const KvpValueType = { String: 1, U32: 4, U64: 11 } as const;

/** UTF-16 units of a key, terminator included. */
export const KVP_KEY_UNITS = 256;
/** Bytes of a value, a string's terminator included. */
export const KVP_VALUE_BYTES = 2048;

/** The four bytes before the body. */
export const KvpHeader = struct('hv_kvp_hdr', 4, {
  operation: named(u8, KvpOperation),
  pool: named(u8, KvpPool),
  _reserved: reserved(2),
});

/** Body of GET and SET, and the end of ENUMERATE's. */
export const KvpEntry = struct('hv_kvp_exchg_msg_value', 12 + 2 * KVP_KEY_UNITS + KVP_VALUE_BYTES, {
  /** One of {@link KvpValueType}. */
  valueType: named(u32, KvpValueType),
  /** Bytes of the key, terminator included. */
  keySize: u32,
  /** Bytes of the value, a string's terminator included. */
  valueSize: u32,
  key: utf16(KVP_KEY_UNITS),
  value: bytes(KVP_VALUE_BYTES),
});
export type KvpEntry = Infer<typeof KvpEntry>;

/** Body of DELETE. */
export const KvpDelete = struct('hv_kvp_msg_delete', 4 + 2 * KVP_KEY_UNITS, {
  keySize: u32,
  key: utf16(KVP_KEY_UNITS),
});

/** Body of ENUMERATE. */
export const KvpEnumerate = struct('hv_kvp_msg_enumerate', 4 + KvpEntry.size, { index: u32, entry: KvpEntry });

/** Bytes of every payload but IP information: header and the largest body. */
export const KVP_PAYLOAD_BYTES = KvpHeader.size + KvpEnumerate.size;

/** Whole payload of GET_IP_INFO and SET_IP_INFO. Lists are separated by semicolons. */
export const KvpIpInfo = struct('hv_kvp_ip_msg', 7428, {
  operation: u8,
  pool: u8,
  /** GUID text in braces. */
  adapter: utf16(128),
  /** Bit 0 IPv4, bit 1 IPv6. */
  family: u8,
  dhcp: u8,
  addresses: utf16(1024),
  subnets: utf16(1024),
  gateways: utf16(512),
  nameServers: utf16(1024),
});
export type KvpIpInfo = Infer<typeof KvpIpInfo>;

/** A value as a program holds it: text, a 32-bit number, or a 64-bit one. */
export type KvpValue = string | number | bigint;

/** Whether a key and value fit their fields. */
export function fitsKvp(key: string, value: KvpValue): boolean {
  const units = KVP_VALUE_BYTES / 2 - 1;
  if (key.length === 0 || key.length >= KVP_KEY_UNITS || key.includes('\0')) return false;
  if (typeof value === 'string') return value.length <= units && !value.includes('\0');
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
  return value >= 0n && value <= 0xffff_ffff_ffff_ffffn;
}

/** An entry for the wire. The caller has checked {@link fitsKvp}. */
export function encodeKvpEntry(key: string, value: KvpValue): KvpEntry {
  const keySize = 2 * (key.length + 1);
  if (typeof value === 'string') {
    const text = utf16(value.length + 1);
    const data = new Uint8Array(text.size);
    text.write(new DataView(data.buffer), 0, value);
    return { valueType: KvpValueType.String, keySize, valueSize: data.length, key, value: data };
  }
  const data = new Uint8Array(typeof value === 'number' ? 4 : 8);
  const view = new DataView(data.buffer);
  if (typeof value === 'number') view.setUint32(0, value, true);
  else view.setBigUint64(0, value, true);
  const valueType = typeof value === 'number' ? KvpValueType.U32 : KvpValueType.U64;
  return { valueType, keySize, valueSize: data.length, key, value: data };
}

/** The value of an untrusted entry; `undefined` for a type never heard of, or a size that does not fit it. */
export function decodeKvpValue(entry: KvpEntry): KvpValue | undefined {
  const { valueType, valueSize, value } = entry;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  switch (valueType) {
    case KvpValueType.String:
      return valueSize > KVP_VALUE_BYTES ? undefined : utf16(valueSize >> 1).read(view, 0);
    case KvpValueType.U32:
      return valueSize === 4 ? view.getUint32(0, true) : undefined;
    case KvpValueType.U64:
      return valueSize === 8 ? view.getBigUint64(0, true) : undefined;
    default:
      return undefined;
  }
}
