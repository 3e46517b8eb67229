/** Layouts of bus messages and of packet descriptors, made from the catalogue: for those who decode traces. */
import { type Alternative, flags, type Layout, named, reserved, struct, u16, u32, u64 } from '@ringlet/wire';
import { PacketType } from '../channel/packet.ts';
import { HEADER_BYTES, messages, type MessageRow } from './catalogue.ts';

const RANGES_AT = 16;

const page: Layout = { name: 'page', head: struct('page number', 8, { page: u64 }) };
const gpaRange: Layout = {
  name: 'range',
  head: struct('GPA_RANGE', 8, { byteCount: u32, byteOffset: u32 }),
  parts: [[{ times: { pages: { length: 'byteCount', offset: 'byteOffset' } }, layout: page }]],
};
const transferRange: Layout = {
  name: 'transfer-range',
  head: struct('VMTRANSFER_PAGE_RANGE', 8, { byteCount: u32, byteOffset: u32 }),
};

/** Types by name; of forms that share one, the first. */
const typeNames = Object.fromEntries(
  Object.entries<MessageRow>(messages)
    .filter(([, { type }], i, all) => all.findIndex(([, other]) => other.type === type) === i)
    .map(([name, { type }]) => [name, type]),
);

/** The longest form that fits comes first. */
const forms = Object.entries<MessageRow>(messages).toSorted(([, a], [, b]) => b.body.size - a.body.size);

/** A bus message, header included. */
export const busMessageLayout: Layout = {
  name: 'vmbus',
  head: struct('CHANNELMSG_HEADER', HEADER_BYTES, { message: named(u32, typeNames), _zero: reserved(4) }),
  parts: [
    forms.map(([name, { type, body, tail }]): Alternative => {
      const tails: Layout['parts'] = tail
        ? [[{ times: 'rest', layout: name === 'GpadlHeader' ? gpaRange : page }]]
        : undefined;
      return {
        when: { message: type },
        atLeast: body.size,
        layout: { name: `vmbus.${kebab(name)}`, head: body, ...(tails && { parts: tails }) },
      };
    }),
  ],
};

/**
 * A packet as it lies in a ring, without its footer.
 *
 * @param payloads - what its payload can be
 */
export const packetLayout = (payloads: readonly Omit<Alternative, 'at'>[]): Layout => ({
  name: 'vmpacket',
  head: struct('VMPACKET_DESCRIPTOR', 16, {
    packetType: named(u16, { ...PacketType }),
    offset8: u16,
    length8: u16,
    packetFlags: flags(u16, { CompletionRequested: 1 }),
    transaction: u64,
  }),
  parts: [
    [
      { when: { packetType: PacketType.GpaDirect }, at: { plus: RANGES_AT }, layout: ranges('gpa-direct', gpaRange) },
      {
        when: { packetType: PacketType.TransferPages },
        at: { plus: RANGES_AT },
        layout: ranges('transfer-pages', transferRange),
      },
    ],
    payloads.map((each) => ({ ...each, at: { field: 'offset8', times: 8 } })),
  ],
});

const ranges = (name: string, each: Layout): Layout => ({
  name,
  head: struct(name, 8, { transferSet: u16, _reserved: reserved(2), rangeCount: u32 }),
  parts: [[{ times: { field: 'rangeCount' }, layout: each }]],
});

function kebab(name: string): string {
  return name.replaceAll(/(?<=[a-z])(?=[A-Z0-9])/g, '-').toLowerCase();
}
