/** The C header of a device's protocol: its GUIDs, and a packed struct for each message. */
import type { ProtocolDescription } from '@ringlet/vmbus';
import type { Field } from '@ringlet/wire';
import { shapeOf } from './layout.ts';

const DIRECTIONS = { guest: 'Guest to host', host: 'Host to guest', both: 'Both ways' } as const;

/** The header's text. The same protocol gives the same text. */
export function cHeader(protocol: ProtocolDescription): string {
  const prefix = snake(protocol.name);
  const upper = prefix.toUpperCase();
  const messages = protocol.messages.map(({ name, tag, from, about, struct }) => {
    const type = `${prefix}_${snake(name)}`;
    return [
      `/* ${DIRECTIONS[from]}: ${comment(about)} */`,
      `#define ${type.toUpperCase()} ${tag}u`,
      `struct ${type} {`,
      ...members(struct.shape, 1),
      '} __attribute__((packed));',
      `_Static_assert(sizeof(struct ${type}) == ${struct.size}, "${name} has ${struct.size} bytes");`,
      '',
    ].join('\n');
  });
  return [
    `/* ${protocol.name}: what crosses its channel. Made from its protocol, by: ringlet device FILE --header */`,
    '#pragma once',
    '#include <stdint.h>',
    '',
    `#define ${upper}_INTERFACE "${protocol.interfaceId}"`,
    `#define ${upper}_INSTANCE "${protocol.instanceId}"`,
    '',
    ...messages,
  ].join('\n');
}

/** `frame-buffer` and `frameBuffer` as C has them: `frame_buffer`. */
export const snake = (name: string): string =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/\W/g, '_')
    .toLowerCase();

const comment = (text: string): string => text.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ');

function members(shape: Readonly<Record<string, Field<unknown>>>, depth: number): string[] {
  return Object.entries(shape).flatMap(([name, field]) => member(snake(name), field, depth, ''));
}

function member(name: string, field: Field<unknown>, depth: number, counts: string): string[] {
  const indent = '\t'.repeat(depth);
  const { size, element } = field;
  switch (field.kind) {
    case 'array':
      return member(name, element!, depth, `${counts}[${size / element!.size}]`);
    case 'struct':
      return [`${indent}struct {`, ...members(shapeOf(field), depth + 1), `${indent}} ${name}${counts};`];
    case 'uint':
    case 'uint-be':
      return [`${indent}uint${size * 8}_t ${name}${counts};${field.kind === 'uint' ? '' : ' /* big-endian */'}`];
    case 'int':
      return [`${indent}int${size * 8}_t ${name}${counts};`];
    case 'text':
      return [`${indent}uint16_t ${name}${counts}[${size / 2}]; /* UTF-16 */`];
    default:
      return [`${indent}uint8_t ${name}${counts}[${size}];`];
  }
}
