/** Layout of what crosses a storage controller's channel. */
import { type Alternative, type Layout, struct, u16 } from '@ringlet/wire';
import { ScsiStatus } from '../scsi/opcodes.ts';
import {
  ScsiRequest,
  ScsiRequestWin7,
  VstorHeader,
  VstorOperation,
  VstorProperties,
  VstorProtocolVersion,
  VstorSubchannelCount,
  VstorVersion,
} from '../storage.ts';
import { cdbLayout } from './cdb.ts';
import { senseLayout } from './scsi-data.ts';
import { Sender } from './sender.ts';

const request = (name: string, head: typeof ScsiRequest | typeof ScsiRequestWin7): Layout => ({
  name,
  head,
  parts: [
    [
      {
        when: { sender: Sender.Guest },
        at: { plus: head.at.cdbOrSense },
        length: { field: 'cdbLength' },
        layout: cdbLayout,
      },
      {
        when: { sender: Sender.Root, scsiStatus: ScsiStatus.CheckCondition },
        at: { plus: head.at.cdbOrSense },
        length: { field: 'senseInfoLength' },
        layout: senseLayout,
      },
    ],
  ],
});

const payload = { at: { plus: VstorHeader.size } };
const scsi: Omit<Alternative, 'when'> = { ...payload, layout: request('scsi', ScsiRequest) };
const scsiWin7: Omit<Alternative, 'when'> = { ...payload, layout: request('scsi.win7', ScsiRequestWin7) };
const version: Omit<Alternative, 'when'> = {
  ...payload,
  layout: { name: 'vstor.version', head: VstorProtocolVersion },
};
const properties: Omit<Alternative, 'when'> = {
  ...payload,
  layout: { name: 'vstor.properties', head: VstorProperties },
};
const { CompleteIo, ExecuteSrb, QueryProtocolVersion, QueryProperties } = VstorOperation;

/** A vstor packet. */
export const vstorLayout: Layout = {
  name: 'vstor',
  head: VstorHeader,
  parts: [
    [
      {
        // All answers are COMPLETE_IO, whatever they answer: a request's has its length first, a version's the version.
        when: { operation: CompleteIo, sender: Sender.Root },
        ...payload,
        length: { plus: 2 },
        known: true,
        layout: { name: 'vstor.answer', head: struct('first word of an answer', 2, { answer: u16 }) },
      },
    ],
    [
      { when: { operation: ExecuteSrb }, atLeast: ScsiRequest.size, ...scsi },
      { when: { operation: ExecuteSrb }, ...scsiWin7 },
      { when: { operation: CompleteIo, answer: ScsiRequest.size }, ...scsi },
      { when: { operation: CompleteIo, answer: ScsiRequestWin7.size }, ...scsiWin7 },
      { when: { operation: CompleteIo, answer: Object.values(VstorVersion) }, ...version },
      { when: { operation: CompleteIo, answer: 0 }, ...properties },
      { when: { operation: QueryProtocolVersion }, ...version },
      { when: { operation: QueryProperties }, ...properties },
      {
        when: { operation: VstorOperation.CreateSubChannels },
        layout: { name: 'vstor.subchannels', head: VstorSubchannelCount },
      },
    ],
  ],
};
