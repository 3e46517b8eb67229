/** Hypercalls 0x0057-0x005D: ports, connections, messages and events (TLFS, "Inter-Partition Communication"). */
import { bytes, reserved, struct, u16, u32, u64, u8, type Infer } from '@ringlet/wire';
import { Privilege } from '../../partition/privileges.ts';
import { HvStatus } from '../../status.ts';
import type { PortInfo } from '../../synic/index.ts';
import { simpleCall, type Hypercall } from '../declare.ts';
import { statusOf, targetPartition } from '../target.ts';

const PortType = { Message: 1, Event: 2 } as const;
const MAX_PAYLOAD = 240;

const CreatePortInput = struct('HV_INPUT_CREATE_PORT', 56, {
  portPartition: u64,
  portId: u32,
  portVtl: u8,
  minimumVtl: u8,
  _1: reserved(2),
  connectionPartition: u64,
  type: u32,
  _2: reserved(4),
  sint: u32,
  vp: u32,
  firstFlag: u16,
  flagCount: u16,
  _3: reserved(4),
  proximity: u64,
});
const DeletePortInput = struct('HV_INPUT_DELETE_PORT', 16, { portPartition: u64, portId: u32, _: reserved(4) });
const ConnectPortInput = struct('HV_INPUT_CONNECT_PORT', 72, {
  connectionPartition: u64,
  connectionId: u32,
  connectionVtl: u8,
  _1: reserved(3),
  portPartition: u64,
  portId: u32,
  _2: reserved(4),
  type: u32,
  _3: reserved(28),
  proximity: u64,
});
const DisconnectPortInput = struct('HV_INPUT_DISCONNECT_PORT', 16, {
  connectionPartition: u64,
  connectionId: u32,
  _: reserved(4),
});
const PostMessageInput = struct('HV_INPUT_POST_MESSAGE', 256, {
  connection: u32,
  _: reserved(4),
  type: u32,
  size: u32,
  payload: bytes(MAX_PAYLOAD),
});
const SignalEventInput = struct('HV_INPUT_SIGNAL_EVENT', 8, { connection: u32, flag: u16, reserved: u16 });

/** Code of the call that posts a message. */
export const POST_MESSAGE = 0x005c;
/** Code of the call that {@link Vp.hypercall} handles without decoding a struct. */
export const SIGNAL_EVENT = 0x005d;

/** Rows in code order. */
export const portCalls: readonly Hypercall[] = [
  simpleCall({
    code: 0x0057,
    name: 'HvCallCreatePort',
    privilege: Privilege.CreatePort,
    input: CreatePortInput,
    run(caller, input) {
      const id = targetPartition(caller, input.portPartition);
      if (id < 0) return statusOf(id);
      const info = portInfo(input);
      return info === undefined ? HvStatus.InvalidParameter : caller.core.ports.createPort(id, input.portId, info);
    },
  }),
  simpleCall({
    code: 0x0058,
    name: 'HvCallDeletePort',
    privilege: Privilege.CreatePort,
    input: DeletePortInput,
    run(caller, input) {
      const id = targetPartition(caller, input.portPartition);
      return id < 0 ? statusOf(id) : caller.core.ports.deletePort(id, input.portId);
    },
  }),
  simpleCall({
    code: 0x0059,
    name: 'HvCallConnectPort',
    privilege: Privilege.ConnectPort,
    input: ConnectPortInput,
    run(caller, input) {
      const from = targetPartition(caller, input.connectionPartition);
      if (from < 0) return statusOf(from);
      const to = targetPartition(caller, input.portPartition);
      if (to < 0) return statusOf(to);
      if (input.connectionVtl !== 0) return HvStatus.InvalidParameter;
      return caller.core.ports.connectPort(from, input.connectionId, to, input.portId);
    },
  }),
  simpleCall({
    code: 0x005b,
    name: 'HvCallDisconnectPort',
    privilege: Privilege.ConnectPort,
    input: DisconnectPortInput,
    run(caller, input) {
      const id = targetPartition(caller, input.connectionPartition);
      return id < 0 ? statusOf(id) : caller.core.ports.disconnectPort(id, input.connectionId);
    },
  }),
  simpleCall({
    code: POST_MESSAGE,
    name: 'HvCallPostMessage',
    privilege: Privilege.PostMessages,
    input: PostMessageInput,
    run(caller, { connection, type, size, payload }) {
      if (size > MAX_PAYLOAD) return HvStatus.InvalidParameter;
      return caller.core.ports.postMessage(caller.partition, connection, type, payload.subarray(0, size));
    },
  }),
  simpleCall({
    code: SIGNAL_EVENT,
    name: 'HvCallSignalEvent',
    privilege: Privilege.SignalEvents,
    input: SignalEventInput,
    run(caller, input) {
      if (input.reserved !== 0) return HvStatus.InvalidParameter;
      return caller.core.ports.signalEvent(caller.partition, input.connection, input.flag);
    },
  }),
];

/** The port that the input describes, or `undefined` for a kind that is not offered. */
function portInfo(input: Infer<typeof CreatePortInput>): PortInfo | undefined {
  const { sint, vp, minimumVtl } = input;
  if (input.portVtl !== 0) return undefined;
  if (input.type === PortType.Message) return { kind: 'message', sint, vp, minimumVtl };
  if (input.type !== PortType.Event) return undefined;
  return { kind: 'event', sint, vp, minimumVtl, flag: input.firstFlag, flagCount: input.flagCount };
}
