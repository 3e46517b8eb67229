/** Layouts of what crosses a network adapter's channel, and of the RNDIS messages that lie in its buffers. */
import { type Alternative, bytes, type Layout, named, struct, structAfter, u16be, u32 } from '@ringlet/wire';
import * as nvsp from '../network/nvsp.ts';
import * as info from '../network/packet-info.ts';
import * as rndis from '../network/rndis.ts';
import { oidInformation } from './oid.ts';
import { Sender } from './sender.ts';

const { NvspType } = nvsp;
const { RndisType } = rndis;
const { PacketInfo } = info;

const message = (
  type: number | readonly number[],
  name: string,
  whole: Parameters<typeof structAfter>[0],
  sender?: number,
) => ({
  when: { type, ...(sender !== undefined && { sender }) },
  layout: { name: `nvsp.${name}`, head: structAfter(whole, 1) },
});

/** An NVSP message. */
export const nvspLayout: Layout = {
  name: 'nvsp',
  head: struct('NVSP_MESSAGE_HEADER', 4, { type: named(u32, NvspType) }),
  parts: [
    [
      message(NvspType.Init, 'init', nvsp.NvspInit),
      message(NvspType.InitComplete, 'init-complete', nvsp.NvspInitComplete),
      message(NvspType.SendNdisVersion, 'ndis-version', nvsp.NvspNdisVersion),
      message([NvspType.SendReceiveBuffer, NvspType.SendSendBuffer], 'buffer', nvsp.NvspBuffer),
      message(NvspType.SendReceiveBufferComplete, 'receive-buffer', nvsp.NvspReceiveBufferComplete),
      message(NvspType.SendSendBufferComplete, 'send-buffer', nvsp.NvspSendBufferComplete),
      message([NvspType.RevokeReceiveBuffer, NvspType.RevokeSendBuffer], 'revoke', nvsp.NvspRevoke),
      message(NvspType.SendRndisPacket, 'rndis-packet', nvsp.NvspRndisPacket),
      message(NvspType.SendRndisPacketComplete, 'rndis-packet-complete', nvsp.NvspRndisPacketComplete),
      message(NvspType.SendNdisConfig, 'ndis-config', nvsp.NvspNdisConfig),
      message(NvspType.Subchannel, 'subchannels', nvsp.NvspSubchannel, Sender.Guest),
      message(NvspType.Subchannel, 'subchannels-complete', nvsp.NvspSubchannelComplete, Sender.Root),
      message(NvspType.SendIndirectionTable, 'indirection-table', nvsp.NvspIndirectionTable),
    ],
  ],
};

const piece = (type: number, name: string, head: Layout['head'], sender?: number): Alternative => ({
  when: { infoType: type, ...(sender !== undefined && { sender }) },
  at: { field: 'infoAt' },
  length: { field: 'infoSize', plus: -info.INFO_HEADER_SIZE },
  layout: { name: `rndis.info.${name}`, head: head! },
});

/** A piece of per-packet information. */
const information: Layout = {
  name: 'rndis.info',
  head: info.PacketInfoHeader,
  parts: [
    [
      piece(PacketInfo.Checksum, 'checksum', info.TransmitChecksumInfo, Sender.Guest),
      piece(PacketInfo.Checksum, 'checksum-found', info.ReceiveChecksumInfo, Sender.Root),
      piece(PacketInfo.LargeSend, 'large-send', info.LargeSendInfo),
      piece(PacketInfo.Ieee8021q, 'vlan', info.Ieee8021qInfo),
      piece(PacketInfo.HashValue, 'hash', info.HashInfo),
      {
        at: { field: 'infoAt' },
        length: { field: 'infoSize', plus: -info.INFO_HEADER_SIZE },
        layout: { name: 'rndis.info.data', tail: { name: 'data', kind: 'bytes' } },
      },
    ],
  ],
};
const ethernet: Layout = {
  name: 'ethernet',
  head: struct('Ethernet', 14, { destination: bytes(6), source: bytes(6), etherType: u16be }),
};
const body = (
  type: number | readonly number[],
  name: string,
  whole: Parameters<typeof structAfter>[0],
  parts?: Layout['parts'],
): Alternative => ({
  when: { type },
  at: { plus: rndis.RNDIS_HEADER_SIZE },
  layout: { name: `rndis.${name}`, head: structAfter(whole, 2), ...(parts && { parts }) },
});
const oid = oidInformation({ at: { field: 'infoOffset' }, length: { field: 'infoLength' } });

/** An RNDIS message. Offsets in its body count from there. */
export const rndisLayout: Layout = {
  name: 'rndis',
  head: struct('RNDIS_MESSAGE_HEADER', rndis.RNDIS_HEADER_SIZE, { type: named(u32, RndisType), length: u32 }),
  parts: [
    [
      {
        // No part of the message: completions do not say what was asked, so the trace does, behind them.
        when: { type: [RndisType.QueryComplete, RndisType.SetComplete], sender: Sender.Root },
        at: { field: 'length' },
        atLeast: rndis.AnsweredOid.size,
        known: true,
        layout: { name: 'rndis.answer-to', head: rndis.AnsweredOid },
      },
    ],
    [
      body(RndisType.Packet, 'packet', rndis.RndisPacket, [
        [{ at: { field: 'infoOffset' }, length: { field: 'infoLength' }, times: 'rest', layout: information }],
        [{ at: { field: 'dataOffset' }, length: { field: 'dataLength' }, layout: ethernet }],
      ]),
      body(RndisType.Initialize, 'initialize', rndis.RndisInitialize),
      body(RndisType.InitializeComplete, 'initialize-complete', rndis.RndisInitializeComplete),
      body([RndisType.Query, RndisType.Set], 'oid-request', rndis.RndisOidRequest, [oid]),
      body(RndisType.QueryComplete, 'query-complete', rndis.RndisQueryComplete, [oid]),
      body([RndisType.SetComplete, RndisType.KeepAliveComplete], 'complete', rndis.RndisComplete),
      body([RndisType.Halt, RndisType.KeepAlive, RndisType.Reset], 'request', rndis.RndisRequest),
      body(RndisType.ResetComplete, 'reset-complete', rndis.RndisResetComplete),
      body(RndisType.IndicateStatus, 'indicate-status', rndis.RndisIndicateStatus),
    ],
  ],
};
