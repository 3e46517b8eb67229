/**
 * RNDIS control messages: what the driver asks of the adapter, and the answers. Each is a private copy of what the guest
 * sent, and is checked before anything changes.
 */
import {
  QUERY_COMPLETE_INFO_OFFSET,
  RNDIS_CONNECTIONLESS,
  RNDIS_HEADER_SIZE,
  RNDIS_MEDIUM_802_3,
  RNDIS_VERSION,
  RndisComplete,
  RndisIndicateStatus,
  RndisInitialize,
  RndisInitializeComplete,
  RndisOidRequest,
  RndisQueryComplete,
  RndisRequest,
  RndisResetComplete,
  RndisStatus,
  RndisType,
} from '@ringlet/protocols';
import type { Adapter } from './adapter.ts';
import { queryOid } from './oid-queries.ts';
import { setOid } from './oid-settings.ts';
import { MOST_MESSAGES, MOST_PACKET_BYTES } from './transmit-path.ts';

/** Bytes of a control message at most: a full table and key have some 600. */
export const MOST_CONTROL_BYTES = 8192;
/** Frames in one packet begin at multiples of 8: their copies are the fastest. */
const ALIGNMENT_LOG2 = 3;

/** What came of a message. */
export interface ControlResult {
  /** To be sent to the guest. */
  readonly answer?: Uint8Array;
  /** The OID that it answers, where it answers one. */
  readonly oid?: number;
  /** The guest's mistake; a refusal with a status is none. */
  readonly malformed?: string;
}

const CUT_OFF: ControlResult = { malformed: 'an RNDIS control message that is cut off' };

/** Handles one message. */
export function handleControl(message: Uint8Array, adapter: Adapter): ControlResult {
  const request = RndisRequest.decode(message);
  if (request === undefined || request.length < RndisRequest.size || request.length > message.length) return CUT_OFF;
  const whole = message.subarray(0, request.length);
  switch (request.type) {
    case RndisType.Initialize:
      return initialize(whole, adapter);
    case RndisType.Halt:
      adapter.reset();
      return {};
    case RndisType.Query:
      return query(whole, adapter);
    case RndisType.Set:
      return set(whole, adapter);
    case RndisType.Reset:
      adapter.filter.wanted = 0;
      adapter.scaling.disable();
      return {
        answer: RndisResetComplete.encode({
          type: RndisType.ResetComplete,
          length: RndisResetComplete.size,
          status: RndisStatus.Success,
          addressingReset: 1,
        }),
      };
    case RndisType.KeepAlive:
      return { answer: complete(RndisType.KeepAliveComplete, request.requestId, RndisStatus.Success) };
    default:
      return { malformed: 'an RNDIS control message that no one knows' };
  }
}

/** INDICATE_STATUS, without information. */
export function indicateStatus(status: number): Uint8Array {
  return RndisIndicateStatus.encode({
    type: RndisType.IndicateStatus,
    length: RndisIndicateStatus.size,
    status,
    infoLength: 0,
    infoOffset: 0,
  });
}

function initialize(message: Uint8Array, adapter: Adapter): ControlResult {
  const request = RndisInitialize.decode(message);
  if (request === undefined) return CUT_OFF;
  const good = request.major === RNDIS_VERSION.major;
  if (good) {
    adapter.initialized = true;
    adapter.toldLink = adapter.link;
  }
  return {
    answer: RndisInitializeComplete.encode({
      type: RndisType.InitializeComplete,
      length: RndisInitializeComplete.size,
      requestId: request.requestId,
      status: good ? RndisStatus.Success : RndisStatus.BadVersion,
      ...RNDIS_VERSION,
      deviceFlags: RNDIS_CONNECTIONLESS,
      medium: RNDIS_MEDIUM_802_3,
      maxPackets: MOST_MESSAGES,
      maxTransferSize: MOST_PACKET_BYTES,
      alignment: ALIGNMENT_LOG2,
    }),
  };
}

function query(message: Uint8Array, adapter: Adapter): ControlResult {
  const request = RndisOidRequest.decode(message);
  if (request === undefined) return CUT_OFF;
  const info = informationOf(message, request);
  const answer =
    info === undefined
      ? RndisStatus.InvalidLength
      : adapter.initialized
        ? queryOid(request.oid, adapter, info)
        : RndisStatus.Failure;
  const found = typeof answer === 'number' ? new Uint8Array(0) : answer;
  const reply = new Uint8Array(RndisQueryComplete.size + found.length);
  RndisQueryComplete.write(new DataView(reply.buffer), 0, {
    type: RndisType.QueryComplete,
    length: reply.length,
    requestId: request.requestId,
    status: typeof answer === 'number' ? answer : RndisStatus.Success,
    infoLength: found.length,
    infoOffset: QUERY_COMPLETE_INFO_OFFSET,
  });
  reply.set(found, RndisQueryComplete.size);
  return { answer: reply, oid: request.oid };
}

function set(message: Uint8Array, adapter: Adapter): ControlResult {
  const request = RndisOidRequest.decode(message);
  if (request === undefined) return CUT_OFF;
  const info = informationOf(message, request);
  const status =
    info === undefined
      ? RndisStatus.InvalidLength
      : adapter.initialized
        ? setOid(request.oid, adapter, info)
        : RndisStatus.Failure;
  return { answer: complete(RndisType.SetComplete, request.requestId, status), oid: request.oid };
}

/** What goes with a QUERY or SET; `undefined` when it is not inside the message. */
function informationOf(
  message: Uint8Array,
  { infoOffset, infoLength }: { infoOffset: number; infoLength: number },
): Uint8Array | undefined {
  if (infoLength === 0) return new Uint8Array(0);
  const start = RNDIS_HEADER_SIZE + infoOffset;
  if (start < RndisOidRequest.size || start + infoLength > message.length) return undefined;
  return message.subarray(start, start + infoLength);
}

const complete = (type: number, requestId: number, status: number): Uint8Array =>
  RndisComplete.encode({ type, length: RndisComplete.size, requestId, status });
