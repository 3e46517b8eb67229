/** Commands that no unit answers: REPORT LUNS, which asks the target, and whatever is sent where no unit is. */
import { be16, be32, ScsiOp, ScsiStatus, Sense, SrbStatus } from '@ringlet/protocols';
import type { LunQueue } from './lun-queue.ts';
import { addressKey, type LunTable } from './lun-table.ts';
import { absentInquiry } from './scsi/inquiry-data.ts';
import type { StorageRequest } from './storage-request.ts';

/** SELECT REPORT values of REPORT LUNS that mean units with an address of their own. */
const PERIPHERAL_UNITS = 0;
const ALL_UNITS = 2;

/**
 * Ends such a command.
 *
 * A guest scans by INQUIRY, and takes an error for a disk that is busy: "no unit here" must come as good data. Any
 * other command to an absent unit fails so that the guest drops the unit.
 *
 * @param queue - the unit's, where there is one
 */
export function answerWithoutUnit(request: StorageRequest, queue: LunQueue | undefined, luns: LunTable): void {
  const { cdb } = request;
  if (cdb[0] === ScsiOp.ReportLuns) {
    if (cdb[2] !== PERIPHERAL_UNITS && cdb[2] !== ALL_UNITS) return request.fail(Sense.InvalidFieldInCdb);
    // By the path as the guest wrote it, as on Hyper-V, although an IDE accelerator corrects it for other commands.
    return request.reply(luns.report(request.path, request.target), be32(cdb, 6));
  }
  if (cdb[0] === ScsiOp.Inquiry && queue === undefined) {
    if ((cdb[1]! & 0x01) === 0 && cdb[2] === 0) return request.reply(absentInquiry(request.lun), be16(cdb, 3));
    request.srbStatus = SrbStatus.InvalidRequest;
    return request.fail(Sense.InvalidFieldInCdb);
  }
  if (queue === undefined && luns.departed.answer(request, addressKey(request.path, request.target, request.lun)))
    return;
  request.srbStatus = SrbStatus.InvalidLun;
  request.refuse(ScsiStatus.CheckCondition);
}
