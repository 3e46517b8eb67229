/**
 * For authors of devices: what a device, its driver and their protocol are made from.
 *
 * ```ts
 * import { protocol, u32, z } from 'ringlet/device';
 * ```
 *
 * @packageDocumentation
 */
export { z } from 'zod';
export { protocol } from '@ringlet/vmbus';
export type {
  Channel,
  DecodedMessage,
  DeviceMessage,
  DeviceMessageRow,
  DeviceMessageRows,
  DeviceProtocol,
  DeviceWorld,
  MessageOf,
  MessageSender,
  OfferDescription,
  Packet,
  ProtocolDeclaration,
  ProtocolDescription,
  Vsp,
  VspBus,
} from '@ringlet/vmbus';
export {
  array,
  bytes,
  guid,
  i16,
  i32,
  reserved,
  struct,
  u16,
  u16be,
  u32,
  u32be,
  u64,
  u64be,
  u8,
  utf16,
} from '@ringlet/wire';
export type { Field, FieldKind, Shape, Struct, ValueOf } from '@ringlet/wire';
