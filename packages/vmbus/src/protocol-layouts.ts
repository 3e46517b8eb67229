/** The layouts of a device's own protocol, as plain data: what its declaration says, for traces and dissectors. */
import { type Layout, layoutTable, type LayoutTable, named, struct, structAfter, u32 } from '@ringlet/wire';
import type { ProtocolDescription } from './device-protocol.ts';

/** A protocol that a device brings along: its packets are those of one interface. Plain data. */
export interface DeviceLayouts {
  /** GUID of the class of devices that speak it. */
  readonly interfaceId: string;
  /** Name of the layout of its packets. */
  readonly root: string;
  /** Its layouts, and those inside of them. */
  readonly table: LayoutTable;
}

/** What `TraceSender` calls them. */
const SENDERS = { guest: [0], host: [1], both: [0, 1] } as const;

/** The layouts of a protocol: its tag, and behind it the fields of the message that has this tag. */
export function protocolLayouts({ name, interfaceId, messages }: ProtocolDescription): DeviceLayouts {
  const root = kebab(name);
  const tags = Object.fromEntries(messages.map((message) => [message.name, message.tag]));
  const layout: Layout = {
    name: root,
    head: struct(name, 4, { tag: named(u32, tags) }),
    parts: [
      messages.map((message) => ({
        when: { tag: message.tag, sender: SENDERS[message.from] },
        layout: { name: `${root}.${kebab(message.name)}`, head: structAfter(message.struct, 1) },
      })),
    ],
  };
  return { interfaceId, root, table: layoutTable(layout) };
}

const kebab = (name: string): string =>
  name
    .replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '-')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-$/g, '') || 'device';
