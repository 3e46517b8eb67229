/**
 * VMBus: rings, GPADLs, channels, the root's and the child's side of the bus.
 *
 * @packageDocumentation
 */
export { COMPLETION_REQUESTED, PacketType } from './channel/packet.ts';
export type { Packet } from './channel/packet.ts';
export type { Channel, ChannelState, ChannelStatistics, PacketHandler, TransferRanges } from './channel/channel.ts';
export { ChannelFraming, ChannelTraceRecord } from './channel/channel-trace.ts';
export type { ChannelTrace } from './channel/channel-trace.ts';
export type { PacketTrace } from './channel/channel-trace.ts';
export type { TracedPacket } from './channel/channel-events.ts';
export { RingChannel } from './channel/ring-channel.ts';
export type { RingChannelOptions } from './channel/ring-channel.ts';
export { BytePipe, MessagePipe, PIPE_HEADER_BYTES, PIPE_PACKET_BYTES, PipePacket } from './channel/pipe.ts';
export type { ByteReader, MessageReader, PipeFault } from './channel/pipe.ts';
export type { RingFault } from './ring/layout.ts';
export { RingMemory } from './ring/ring-memory.ts';
export { RingReader } from './ring/ring-reader.ts';
export { RingWriter } from './ring/ring-writer.ts';
export type {
  DeviceLog,
  DeviceOptionsSchema,
  DeviceWorld,
  GpadlView,
  OfferDescription,
  OptionsIssue,
  OptionsResult,
  Vsp,
  VspBus,
  VspClass,
} from './device.ts';
export { protocol } from './device-protocol.ts';
export { protocolLayouts } from './protocol-layouts.ts';
export type { DeviceLayouts } from './protocol-layouts.ts';
export type {
  DecodedMessage,
  DeviceMessage,
  DeviceMessageRow,
  DeviceMessageRows,
  DeviceProtocol,
  MessageOf,
  MessageSender,
  ProtocolDeclaration,
  ProtocolDescription,
} from './device-protocol.ts';
export { SynicEndpoint, SynicMsr } from './synic-endpoint.ts';
export type { MessageHandler, SynicVp } from './synic-endpoint.ts';
export { HEADER_BYTES, MAX_MESSAGE_BYTES, messages, SYNIC_MESSAGE_TYPE } from './messages/catalogue.ts';
export type {
  BodyOf,
  Direction,
  Message,
  MessageName,
  MessageRow,
  Sent,
  ToChild,
  ToRoot,
} from './messages/catalogue.ts';
export {
  decodeToChild,
  decodeToRoot,
  encodeMessage,
  isFault,
  NOTHING_NEGOTIATED,
  packContactTarget,
  unpackContactTarget,
} from './messages/codec.ts';
export type { MessageFault, MessageFaultReason, Negotiated } from './messages/codec.ts';
export { ConnectionState, NO_MONITOR, OfferFlag, PipeMode, USER_BYTES } from './messages/connection.ts';
export type { ContactTarget, OfferChannel } from './messages/connection.ts';
export { MessageStatus, NO_INTERRUPTS } from './messages/channel.ts';
export { decodeRanges, encodeRanges, gpadlMessages, MAX_PAGES_PER_GPADL } from './messages/gpadl-ranges.ts';
export type { GpadlRange, RangeFault } from './messages/gpadl-ranges.ts';
export { busMessageLayout, packetLayout } from './messages/layouts.ts';
export { findInterface, interfaces, vsockPort, vsockService } from './messages/interfaces.ts';
export type { DeviceInterface } from './messages/interfaces.ts';
export { FeatureFlag, findVersion, Version, versions } from './messages/version.ts';
export type { VersionRow } from './messages/version.ts';
export { BusClient } from './child/bus-client.ts';
export type { BusClientOptions, Gpadl } from './child/bus-client.ts';
export { BusError } from './child/bus-error.ts';
export type { BusErrorCode } from './child/bus-error.ts';
export type { OpenOptions } from './child/channel-table.ts';
export type { Connection } from './child/contact.ts';
export { Hypercalls } from './child/hypercalls.ts';
export type { HypercallVp } from './child/hypercalls.ts';
export type { Offer, OfferEvent } from './child/offer.ts';
export type { After } from './child/post-queue.ts';
export type { PageSource } from './child/ring-memory.ts';
export { BusHost } from './root/bus-host.ts';
export type { AttachOptions, BusHostOptions, BusObserver, SocketProvider } from './root/bus-host-options.ts';
export type { BusPlace, PortKernel } from './root/bus-ports.ts';
export { defaultLimits, MAX_RELID } from './root/limits.ts';
export type { RootBusLimits } from './root/limits.ts';
export type {
  BusNotifier,
  MessageTarget,
  MonitorPages,
  OpenOrder,
  OpenRequest,
  SocketRequest,
} from './root/notifier.ts';
export { RootBus } from './root/root-bus.ts';
export type { RootBusOptions } from './root/root-bus.ts';
export type { SavedBus, SavedChannel, SavedGpadl, SavedRequest } from './root/saved-state.ts';
export { PacketGate } from './root/packet-gate.ts';
export type { PacketHeld } from './root/packet-gate.ts';
export type { DeviceFailed } from './root/served-channel.ts';
