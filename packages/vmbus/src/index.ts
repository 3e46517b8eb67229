/**
 * VMBus: rings, GPADLs, channels, the root's and the child's side of the bus.
 *
 * @packageDocumentation
 */
export { COMPLETION_REQUESTED, PacketType } from './channel/packet.ts';
export type { Packet } from './channel/packet.ts';
export type { Channel, ChannelState, ChannelStatistics, PacketHandler } from './channel/channel.ts';
export type { DeviceLog, DeviceWorld, GpadlView, OfferDescription, Vsp, VspBus, VspClass } from './device.ts';
export { SynicEndpoint, SynicMsr } from './synic-endpoint.ts';
export type { MessageHandler, SynicVp } from './synic-endpoint.ts';
