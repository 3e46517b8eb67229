/** Layout of what crosses the channels of the integration components. */
import { type Layout, structAfter } from '@ringlet/wire';
import { BackupMessage } from '../backup.ts';
import { FileCopyHeader, FileCopyOperation, FileCopyStart, FileCopyWrite } from '../file-copy.ts';
import {
  IcHeader,
  IcHeartbeat,
  IcMessageType,
  IcNegotiate,
  IcShutdown,
  IcTime,
  IcTimeReference,
  IcVersion,
} from '../integration.ts';
import { KvpDelete, KvpEntry, KvpEnumerate, KvpHeader, KvpIpInfo, KvpOperation } from '../key-value.ts';

const version: Layout = { name: 'ic.version', head: IcVersion };
const entry: Layout = { name: 'kvp.entry', head: KvpEntry };

const keyValue: Layout = {
  name: 'kvp',
  head: KvpHeader,
  parts: [
    [
      { when: { operation: [KvpOperation.Get, KvpOperation.Set] }, layout: entry },
      { when: { operation: KvpOperation.Delete }, layout: { name: 'kvp.delete', head: KvpDelete } },
      { when: { operation: KvpOperation.Enumerate }, layout: { name: 'kvp.enumerate', head: KvpEnumerate } },
      {
        when: { operation: [KvpOperation.GetIpInfo, KvpOperation.SetIpInfo] },
        at: { plus: 2 },
        layout: { name: 'kvp.ip', head: structAfter(KvpIpInfo, 2) },
      },
    ],
  ],
};

const fileCopy: Layout = {
  name: 'file-copy',
  head: FileCopyHeader,
  parts: [
    [
      {
        when: { operation: FileCopyOperation.Start },
        layout: { name: 'file-copy.start', head: structAfter(FileCopyStart, 2) },
      },
      {
        when: { operation: FileCopyOperation.Write },
        layout: { name: 'file-copy.write', head: structAfter(FileCopyWrite, 2) },
      },
    ],
  ],
};

/** A message of an integration component. */
export const integrationLayout: Layout = {
  name: 'ic',
  head: IcHeader,
  parts: [
    [
      {
        when: { type: IcMessageType.Negotiate },
        layout: {
          name: 'ic.negotiate',
          head: IcNegotiate,
          parts: [
            [{ times: { field: 'frameworkCount' }, layout: version }],
            [{ times: { field: 'messageCount' }, layout: version }],
          ],
        },
      },
      { when: { type: IcMessageType.Heartbeat }, layout: { name: 'heartbeat', head: IcHeartbeat } },
      { when: { type: IcMessageType.KeyValueExchange }, layout: keyValue },
      { when: { type: IcMessageType.Shutdown }, layout: { name: 'shutdown', head: IcShutdown } },
      {
        when: { type: IcMessageType.TimeSync, 'version.major': [1, 3] },
        layout: { name: 'time-sync.before4', head: IcTime },
      },
      { when: { type: IcMessageType.TimeSync }, layout: { name: 'time-sync', head: IcTimeReference } },
      { when: { type: IcMessageType.Backup }, layout: { name: 'backup', head: BackupMessage } },
      { when: { type: IcMessageType.FileCopy }, layout: fileCopy },
    ],
  ],
};
