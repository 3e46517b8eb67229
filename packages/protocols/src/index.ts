/**
 * Wire formats of each device class, shared by a VSP and its VSC.
 *
 * @packageDocumentation
 */
export {
  decodeIc,
  decodeIcVersions,
  encodeIc,
  encodeIcVersions,
  IcFlag,
  IcHeader,
  IcHeartbeat,
  IcMessageType,
  IcShutdown,
  IcShutdownFlag,
  IcStatus,
  IcTime,
  IcTimeFlag,
  IcTimeReference,
  IcVersion,
  IntegrationService,
  newestIcVersion,
  PIPE_DATA,
  UNIX_EPOCH_TICKS,
} from './integration.ts';
export type { IcService, IcVersions } from './integration.ts';
export {
  decodeKvpValue,
  encodeKvpEntry,
  fitsKvp,
  KVP_KEY_UNITS,
  KVP_PAYLOAD_BYTES,
  KVP_VALUE_BYTES,
  KvpDelete,
  KvpEntry,
  KvpEnumerate,
  KvpHeader,
  KvpIpInfo,
  KvpOperation,
  KvpPool,
  KvpValueType,
} from './key-value.ts';
export type { KvpValue } from './key-value.ts';
export { nameOfService, parseService, portOfService, serviceOfPort, SocketOrigin } from './hv-socket.ts';
export * from './backup.ts';
export * from './dynamic-memory.ts';
export * from './file-copy.ts';
export * from './storage.ts';
export * from './scsi/opcodes.ts';
export * from './scsi/sense.ts';
export * from './scsi/cdb.ts';
export * from './scsi/inquiry.ts';
export * from './scsi/mode.ts';
export * from './scsi/capacity.ts';
export * from './scsi/persistent-reserve.ts';
export * from './scsi/multimedia.ts';
export * from './network/nvsp.ts';
export * from './network/rndis.ts';
export * from './network/packet-info.ts';
export * from './network/oids.ts';
export * from './network/ndis.ts';
export * from './synthetic-message.ts';
export * from './keyboard.ts';
export { chord, characterOfKey, keyOf, keyOfCharacter, pressTogether, typeText } from './keys/us-layout.ts';
export type { Typing } from './keys/us-layout.ts';
export { KEY_NAMES, keyByName, KeyReader, keyStrokes, nameOfKey } from './keys/key-codes.ts';
export * from './mouse.ts';
export * from './video.ts';
export * from './scsi/cdb-forms.ts';
export { keyboardLayout, mouseLayout, videoLayout } from './layouts/display.ts';
export { memoryLayout } from './layouts/dynamic-memory.ts';
export { integrationLayout } from './layouts/integration.ts';
export { nvspLayout, rndisLayout } from './layouts/network.ts';
export { scsiDataLayout, TRACED_SCSI_DATA } from './layouts/scsi-data.ts';
export { vstorLayout } from './layouts/storage.ts';
export { Sender } from './layouts/sender.ts';
