/** The Wireshark dissector of traces, generated from the layouts: the declared tables as Lua, and what walks them. */
import type { FieldRow, LayoutTable } from '@ringlet/wire';
import { DISSECTOR_LUA } from './dissector-lua.ts';
import { TRACE_ROOT } from './trace-layouts.ts';

/** Source of the dissector. @param version - of the ringlet whose traces it reads */
export function dissectorOf(table: LayoutTable, version: string): string {
  const rows = Object.entries(table).map(
    ([name, { title, size, fields, tail, parts }]) =>
      `  [${lua(name)}] = { title = ${lua(title)}, size = ${size},\n` +
      (tail === undefined ? '' : `    tail = ${fieldRow(tail)},\n`) +
      `    fields = {\n${fields.map((field) => `      ${fieldRow(field)},\n`).join('')}    },\n` +
      `    parts = ${lua(parts)} },\n`,
  );
  return [
    `-- Wireshark dissector for traces of ringlet ${version} (pcapng, DLT USER0). Generated: ringlet dissector > ringlet.lua`,
    '-- Wireshark: put it into the folder of personal Lua plugins. tshark: -X lua_script:ringlet.lua',
    '',
    `local root = ${lua(TRACE_ROOT)}`,
    'local layouts = {',
    ...rows.map((row) => row.trimEnd()),
    '}',
    DISSECTOR_LUA,
  ].join('\n');
}

function fieldRow({ names, ...row }: FieldRow): string {
  if (names === undefined) return lua(row);
  const values = Object.entries(names).map(([value, name]) => `[${value}] = ${lua(name)}`);
  return `${lua(row).slice(0, -2)}, names = { ${values.join(', ')} } }`;
}

/** Plain data as a Lua expression. */
function lua(value: unknown): string {
  if (Array.isArray(value)) return `{ ${value.map(lua).join(', ')} }`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, each]) => each !== undefined);
    return `{ ${members.map(([key, each]) => `${key} = ${lua(each)}`).join(', ')} }`;
  }
  return typeof value === 'string' ? text(value) : String(value);
}

/** Names come from declarations, of a user's devices, too: nothing but what a Lua string can hold as it is. */
const text = (value: string): string =>
  `"${value.replaceAll(/[^\x20-\x7e]|["\\]/g, (character) => `\\${String(character.charCodeAt(0) & 0xff).padStart(3, '0')}`)}"`;
