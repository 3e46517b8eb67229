/** Layout of what crosses the balloon device's channel. */
import { type Layout, named, struct, u16, u64 } from '@ringlet/wire';
import * as memory from '../dynamic-memory.ts';

const { MemoryHeader, MemoryMessage } = memory;

/** Page number in bits 0 to 39, count in bits 40 to 63. */
const ranges: NonNullable<Layout['parts']> = [
  [{ times: 'rest', layout: { name: 'memory.range', head: struct('dm_page_range', 8, { range: u64 }) } }],
];
const message = (type: number | readonly number[], name: string, head: Layout['head'], parts?: Layout['parts']) => ({
  when: { type },
  layout: { name: `memory.${name}`, head, ...(parts && { parts }) } as Layout,
});

/** A message of dynamic memory. */
export const memoryLayout: Layout = {
  name: 'memory',
  head: struct(MemoryHeader.name, MemoryHeader.size, { ...MemoryHeader.shape, type: named(u16, MemoryMessage) }),
  parts: [
    [
      message(MemoryMessage.VersionRequest, 'version', memory.MemoryVersion),
      message([MemoryMessage.VersionResponse, MemoryMessage.CapabilitiesResponse], 'accepted', memory.MemoryAccepted),
      message(MemoryMessage.Capabilities, 'capabilities', memory.MemoryCapabilities),
      message(MemoryMessage.Status, 'status', memory.MemoryStatus),
      message(MemoryMessage.BalloonRequest, 'balloon', memory.BalloonRequest),
      message(MemoryMessage.BalloonResponse, 'balloon-response', memory.BalloonResponse, ranges),
      message(MemoryMessage.UnballoonRequest, 'unballoon', memory.UnballoonRequest, ranges),
      {
        ...message(MemoryMessage.HotAddRequest, 'hot-add-region', memory.HotAddRequest),
        atLeast: memory.HotAddRequest.size,
      },
      message(MemoryMessage.HotAddRequest, 'hot-add', memory.HotAddRange),
      message(MemoryMessage.HotAddResponse, 'hot-add-response', memory.HotAddResponse),
      message(MemoryMessage.Information, 'information', memory.MemoryInformation),
    ],
  ],
};
