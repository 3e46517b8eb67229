/** What a trace has of a command's data: that of small commands about a unit, which lie in the guest's pages. */
import { cdbSize, ScsiData, TRACED_SCSI_DATA } from '@ringlet/protocols';
import type { PacketTrace } from '@ringlet/vmbus';
import type { StorageRequest } from './storage-request.ts';

/** Bytes of data that a record has, at most: a full UNMAP has half of it. */
const MOST_DATA = 8192;

/**
 * Writes the data of a command, behind what the command was. READ and WRITE never come here, and of other commands whose
 * data are blocks nothing is written.
 *
 * @param trace - `undefined` while nothing is traced
 * @param sender - one of `TraceSender`: whose the data are
 */
export function traceData(
  trace: PacketTrace | undefined,
  sender: number,
  request: StorageRequest,
  data: Uint8Array,
  length: number,
): void {
  const { cdb } = request;
  if (trace === undefined || !TRACED_SCSI_DATA.has(cdb[0]!)) return;
  const head = new Uint8Array(ScsiData.size);
  const view = new DataView(head.buffer);
  ScsiData.write(view, 0, {
    transaction: (BigInt(request.transactionHigh >>> 0) << 32n) | BigInt(request.transactionLow >>> 0),
    pathId: request.path,
    targetId: request.target,
    lun: request.lun,
    cdbLength: cdbSize(cdb[0]!),
    dataLength: length,
  });
  head.set(cdb, ScsiData.at._cdb);
  trace.data(sender, view, 0, head.length, data.subarray(0, Math.min(length, MOST_DATA)));
}
