/** A record as people read it: one line, or one with all fields below it; and as JSON. */
import type { DecodedField, DecodedLayout } from '@ringlet/wire';
import type { TraceRecord } from './trace-record.ts';

/** Bytes of a field that are shown. */
const SHOWN_BYTES = 16;
/** Fields that frame others and say little themselves: left out of the one line. */
const FRAMES: readonly string[] = [
  'trace',
  'vmpacket',
  'vstor.answer',
  'gpa-direct',
  'transfer-pages',
  'range',
  'transfer-range',
  'page',
];
const QUIET: readonly string[] = [
  'inputBytes',
  'outputBytes',
  'variableBytes',
  'repCount',
  'repStart',
  'repsDone',
  'fast',
  'fault',
  'pipeType',
  'pipeSize',
  'offset8',
  'length8',
];

/** One line: time, who, what. */
export function oneLine(record: TraceRecord): string {
  const { time, kind, sender, vp, device, relid } = record;
  const who = kind === 'lost' ? '' : device === undefined ? (sender === 'root' ? 'root' : `vp ${vp}`) : `${device}`;
  const arrow = sender === 'guest' ? '→' : '←';
  const stamp = time.toFixed(6).padStart(12);
  const what = kind === 'lost' ? `${record.lost ?? 0} records were dropped here` : summary(record);
  const where = `${who}${relid === undefined ? '' : ` ${relid}`}`.padEnd(16);
  return `${stamp}  ${kind.padEnd(9)} ${where} ${arrow} ${what}`;
}

/** All layouts and fields, one a line, with their places in the record. */
export function allFields(record: TraceRecord): string {
  const lines = [oneLine(record)];
  for (const { title, layout, at, depth, fields } of record.layouts) {
    const indent = '  '.repeat(depth + 1);
    lines.push(`${indent}${layout} (${title}) at ${at}`);
    for (const field of fields)
      lines.push(`${indent}  ${String(field.at).padStart(4)} ${field.name} = ${shown(field, true)}`);
  }
  return lines.join('\n');
}

/** The record as plain data, for `--json`. */
export function recordAsJson(record: TraceRecord): Record<string, unknown> {
  const { time, kind, sender, vp, partition, relid, device, length, lost } = record;
  return {
    time,
    kind,
    sender,
    vp,
    partition,
    ...(relid !== undefined && { relid }),
    ...(device !== undefined && { device }),
    ...(lost !== undefined && { lost }),
    length,
    layouts: record.layouts.slice(1).map(({ layout, fields }) => ({
      layout,
      ...Object.fromEntries(fields.map((field) => [field.name, jsonValue(field)])),
    })),
  };
}

function jsonValue({ value, text }: DecodedField): unknown {
  if (text !== undefined) return text;
  if (typeof value === 'bigint')
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) return hex(value, value.length);
  return value;
}

/** The names of what is inside each other, and the fields that say something. */
function summary(record: TraceRecord): string {
  const told = record.layouts.filter(({ layout }) => !FRAMES.includes(layout));
  const named = told.flatMap(nameOf);
  const fields = told.flatMap((layout) =>
    layout.fields
      .slice(nameOf(layout).length)
      .filter(tells)
      .map((field) => `${field.name}=${shown(field)}`),
  );
  const [packet] = record.layouts.filter(({ layout }) => layout === 'vmpacket');
  const bare = told.length === 0 && packet !== undefined ? [bareText(record, packet)] : [];
  return [...named, ...bare, ...fields].join(' ');
}

/** A packet that nobody has declared: its type, and how its payload begins. */
function bareText({ frame, length }: TraceRecord, { at, fields }: DecodedLayout): string {
  const start = at + 8 * Number(fields.find(({ name }) => name === 'offset8')?.value ?? 2);
  const payload = frame.subarray(start, start + SHOWN_BYTES);
  return `${fields[0]?.text ?? 'packet'} ${length} bytes: ${hex(payload, SHOWN_BYTES)}`;
}

/** What a layout's first field calls the message: `READ_10`, `OFFER_CHANNEL`. */
function nameOf({ fields }: DecodedLayout): string[] {
  const [first] = fields;
  return first?.text === undefined || /^sint$/.test(first.name) ? [] : [first.text];
}

function tells(field: DecodedField): boolean {
  if (QUIET.includes(field.name)) return false;
  const { value, text } = field;
  if (text !== undefined) return true;
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value) !== 0;
  if (typeof value === 'string') return value !== '' && !/^[0-]*$/.test(value);
  return value instanceof Uint8Array
    ? value.some((byte) => byte !== 0) && value.length <= SHOWN_BYTES
    : value.some(Boolean);
}

function shown({ value, text, name }: DecodedField, whole = false): string {
  if (text !== undefined)
    return whole && typeof value !== 'string' ? `${text} (${numberText(name, Number(value))})` : text;
  if (value instanceof Uint8Array) return hex(value, whole ? 4 * SHOWN_BYTES : SHOWN_BYTES);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return numberText(name, value);
  if (typeof value === 'bigint') return value > 0xffffn ? `0x${value.toString(16)}` : String(value);
  return `[${value.join(' ')}]`;
}

/** Numbers of six digits and more are masks and addresses more often than amounts. */
const numberText = (name: string, value: number): string =>
  value > 0xf_ffff && !/lba|blocks|bytes|length|count/i.test(name) ? `0x${value.toString(16)}` : String(value);

const hex = (bytes: Uint8Array, most: number): string => {
  const text = Array.from(bytes.subarray(0, most), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return bytes.length > most ? `${text}… ${bytes.length} bytes` : text;
};
