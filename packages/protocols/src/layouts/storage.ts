/** Layout of what crosses a storage controller's channel. */
import type { Layout } from '@ringlet/wire';
import {
  BlockCdb10,
  BlockCdb12,
  BlockCdb16,
  BlockCdb6,
  CdbOpcode,
  InquiryCdb,
  ModeSenseCdb6,
  ReportLunsCdb,
  ServiceActionCdb,
  UnmapCdb,
} from '../scsi/cdb-forms.ts';
import { ScsiOp, ScsiStatus } from '../scsi/opcodes.ts';
import { FixedSense } from '../scsi/sense.ts';
import {
  ScsiRequest,
  ScsiRequestWin7,
  VstorHeader,
  VstorOperation,
  VstorProperties,
  VstorProtocolVersion,
  VstorSubchannelCount,
} from '../storage.ts';
import { Sender } from './sender.ts';

const { Read6, Write6, Read10, Write10, Verify10, SynchronizeCache10, WriteSame10, ReadCapacity10 } = ScsiOp;
const { Read16, Write16, Verify16, SynchronizeCache16, WriteSame16, Read12, Write12 } = ScsiOp;

const cdb: Layout = {
  name: 'cdb',
  head: CdbOpcode,
  parts: [
    [
      { when: { opcode: [Read6, Write6] }, layout: { name: 'cdb.block6', head: BlockCdb6 } },
      {
        when: { opcode: [Read10, Write10, Verify10, SynchronizeCache10, WriteSame10, ReadCapacity10] },
        layout: { name: 'cdb.block10', head: BlockCdb10 },
      },
      { when: { opcode: [Read12, Write12] }, layout: { name: 'cdb.block12', head: BlockCdb12 } },
      {
        when: { opcode: [Read16, Write16, Verify16, SynchronizeCache16, WriteSame16] },
        layout: { name: 'cdb.block16', head: BlockCdb16 },
      },
      { when: { opcode: ScsiOp.ServiceActionIn16 }, layout: { name: 'cdb.service-action', head: ServiceActionCdb } },
      { when: { opcode: ScsiOp.Inquiry }, layout: { name: 'cdb.inquiry', head: InquiryCdb } },
      { when: { opcode: ScsiOp.ModeSense6 }, layout: { name: 'cdb.mode-sense6', head: ModeSenseCdb6 } },
      { when: { opcode: ScsiOp.Unmap }, layout: { name: 'cdb.unmap', head: UnmapCdb } },
      { when: { opcode: ScsiOp.ReportLuns }, layout: { name: 'cdb.report-luns', head: ReportLunsCdb } },
    ],
  ],
};
const sense: Layout = { name: 'sense', head: FixedSense };
const request = (name: string, head: typeof ScsiRequest | typeof ScsiRequestWin7): Layout => ({
  name,
  head,
  parts: [
    [
      { when: { sender: Sender.Guest }, at: { plus: head.at.cdbOrSense }, length: { field: 'cdbLength' }, layout: cdb },
      {
        when: { sender: Sender.Root, scsiStatus: ScsiStatus.CheckCondition },
        at: { plus: head.at.cdbOrSense },
        length: { field: 'senseInfoLength' },
        layout: sense,
      },
    ],
  ],
});

const SRB = [VstorOperation.ExecuteSrb, VstorOperation.CompleteIo];

/** A vstor packet. */
export const vstorLayout: Layout = {
  name: 'vstor',
  head: VstorHeader,
  parts: [
    [
      { when: { operation: SRB }, atLeast: ScsiRequest.size, layout: request('scsi', ScsiRequest) },
      { when: { operation: SRB }, layout: request('scsi.win7', ScsiRequestWin7) },
      {
        when: { operation: VstorOperation.QueryProtocolVersion },
        layout: { name: 'vstor.version', head: VstorProtocolVersion },
      },
      {
        when: { operation: VstorOperation.QueryProperties },
        layout: { name: 'vstor.properties', head: VstorProperties },
      },
      {
        when: { operation: VstorOperation.CreateSubChannels },
        layout: { name: 'vstor.subchannels', head: VstorSubchannelCount },
      },
    ],
  ],
};
