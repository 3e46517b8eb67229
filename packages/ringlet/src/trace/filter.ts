/**
 * The filter language of traces.
 *
 *     device=storage && kind=packet && opcode=READ_10        both
 *     msr~STIMER || code=HvCallPostMessage                   either; ~ is "contains"
 *     !(sender=root) and blocks>=8                           not; numbers in any base: 0x10, 16
 *     lba                                                    the record has such a field
 *
 * Names are those of fields, alone or with their layout's before them (`scsi.lun`), and `kind`, `device`, `sender`, `vp`,
 * `relid`, `partition`, `time`. A value is compared with what a field's value is called, without regard to case, `_` or `-`, and with
 * its number. A record with several fields of a name passes when one of them does.
 */
import { interfaces } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import type { TraceRecord } from './trace-record.ts';

/** Whether a record is wanted. */
export type TraceFilter = (record: TraceRecord) => boolean;

interface Token {
  readonly text: string;
  /** From 1. */
  readonly column: number;
  readonly kind: 'word' | 'text' | 'sign' | 'end';
}

/** What a name stands for in a record: its values, each with what it is called. */
type Values = readonly (readonly [value: unknown, text: string | undefined])[];

/** Words for kinds of devices, beside the names that devices have. */
const DEVICE_CLASSES: Readonly<Record<string, string>> = {
  [interfaces.scsi.interfaceId]: 'storage',
  [interfaces.ide.interfaceId]: 'storage',
  [interfaces.network.interfaceId]: 'network',
  [interfaces.video.interfaceId]: 'video',
  [interfaces.keyValue.interfaceId]: 'kvp',
  [interfaces.timeSync.interfaceId]: 'time-sync',
};

const SIGNS = /^(&&|\|\||==|!=|<=|>=|[=<>~!()])/;
const WORD = /^[\w.:*-]+/;
const OPERATORS = ['=', '==', '!=', '<', '<=', '>', '>=', '~'];
const DEEPEST = 64;

/** Reads a filter. @throws UserError `trace-filter-invalid`, which points at the column */
export function parseFilter(source: string): TraceFilter {
  const tokens = cut(source);
  let at = 0;
  let depth = 0;
  const peek = (): Token => tokens[at]!;
  const isWord = (token: Token, ...words: readonly string[]): boolean =>
    token.kind === 'sign' || token.kind === 'word' ? words.includes(token.text.toLowerCase()) : false;

  const either = (): TraceFilter => {
    let left = both();
    while (isWord(peek(), '||', 'or')) {
      at++;
      const [a, b] = [left, both()];
      left = (record) => a(record) || b(record);
    }
    return left;
  };
  const both = (): TraceFilter => {
    let left = one();
    while (isWord(peek(), '&&', 'and')) {
      at++;
      const [a, b] = [left, one()];
      left = (record) => a(record) && b(record);
    }
    return left;
  };
  const one = (): TraceFilter => {
    const token = peek();
    if (++depth > DEEPEST) throw wrong(source, token, 'this is nested too deeply');
    try {
      at++;
      if (isWord(token, '!', 'not')) {
        const inner = one();
        return (record) => !inner(record);
      }
      if (token.kind === 'sign' && token.text === '(') {
        const inner = either();
        if (peek().text !== ')' || peek().kind !== 'sign') throw wrong(source, peek(), 'here ")" is missing');
        at++;
        return inner;
      }
      if (token.kind !== 'word') throw wrong(source, token, 'here the name of a field is missing');
      return term(token.text);
    } finally {
      depth--;
    }
  };
  const term = (name: string): TraceFilter => {
    const operator = peek();
    if (operator.kind !== 'sign' || !OPERATORS.includes(operator.text)) {
      return (record) => valuesOf(record, name).length > 0;
    }
    const value = tokens[at + 1]!;
    if (value.kind !== 'word' && value.kind !== 'text') {
      throw wrong(source, value, `here a value is missing that "${name}" is compared with`);
    }
    at += 2;
    const matches = comparison(operator.text, value.text);
    if (matches === undefined)
      throw wrong(source, value, `"${operator.text}" compares with a number, and this is none`);
    if (operator.text === '!=') return (record) => !valuesOf(record, name).some(([each, text]) => matches(each, text));
    return (record) => valuesOf(record, name).some(([each, text]) => matches(each, text));
  };

  const filter = either();
  if (peek().kind !== 'end') throw wrong(source, peek(), 'here "&&" or "||" is missing');
  return filter;
}

function cut(source: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < source.length;) {
    const rest = source.slice(at);
    const column = at + 1;
    const blank = /^\s+/.exec(rest)?.[0];
    const quoted = /^"([^"]*)"|^'([^']*)'/.exec(rest);
    const sign = SIGNS.exec(rest)?.[0];
    const word = WORD.exec(rest)?.[0];
    if (blank !== undefined) at += blank.length;
    else if (quoted !== null) {
      tokens.push({ text: quoted[1] ?? quoted[2] ?? '', column, kind: 'text' });
      at += quoted[0].length;
    } else if (sign !== undefined) {
      tokens.push({ text: sign, column, kind: 'sign' });
      at += sign.length;
    } else if (word !== undefined) {
      tokens.push({ text: word, column, kind: 'word' });
      at += word.length;
    } else {
      throw wrong(source, { text: rest[0]!, column, kind: 'sign' }, `"${rest[0]}" has no meaning here`);
    }
  }
  tokens.push({ text: '', column: source.length + 1, kind: 'end' });
  return tokens;
}

function wrong(source: string, { column }: Token, what: string): UserError {
  return new UserError(
    'trace-filter-invalid',
    `column ${column}: ${what}\n    ${source}\n    ${' '.repeat(column - 1)}^`,
    {
      hint: 'such as: device=storage && opcode=READ_10; see docs/guide/trace.md',
    },
  );
}

/** @returns `undefined` when the operator cannot compare with this */
function comparison(operator: string, wanted: string): ((value: unknown, text?: string) => boolean) | undefined {
  const number = numberOf(wanted);
  const plain = simple(wanted);
  switch (operator) {
    case '=':
    case '==':
    case '!=':
      return (value, text) =>
        (text !== undefined && (simple(text) === plain || text.split('|').some((each) => simple(each) === plain))) ||
        (number !== undefined && numeric(value) === number) ||
        (typeof value === 'string' && simple(value) === plain);
    case '~':
      return (value, text) =>
        (text !== undefined && simple(text).includes(plain)) ||
        (typeof value === 'string' && simple(value).includes(plain));
    default: {
      if (number === undefined) return undefined;
      return (value) => {
        const found = numeric(value);
        if (found === undefined) return false;
        if (operator === '<') return found < number;
        if (operator === '<=') return found <= number;
        return operator === '>' ? found > number : found >= number;
      };
    }
  }
}

const simple = (text: string): string => text.toLowerCase().replaceAll(/[_-]/g, '');

function numberOf(text: string): number | undefined {
  return /^(0x[0-9a-f]+|\d+(\.\d+)?)$/i.test(text) ? Number(text) : undefined;
}

const numeric = (value: unknown): number | undefined =>
  typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined;

function valuesOf(record: TraceRecord, name: string): Values {
  const lower = name.toLowerCase();
  switch (lower) {
    case 'kind':
      return [[undefined, record.kind]];
    case 'device': {
      const kind = DEVICE_CLASSES[record.interfaceId ?? ''];
      return [record.device, kind].flatMap((each) => (each === undefined ? [] : [[undefined, each] as const]));
    }
    case 'sender':
      return [[undefined, record.sender]];
    case 'vp':
      return [[record.vp, undefined]];
    case 'partition':
      return [[record.partition, undefined]];
    case 'relid':
      if (record.relid !== undefined) return [[record.relid, undefined]];
      break;
    case 'time':
      return [[record.time, undefined]];
    default:
  }
  const found: (readonly [unknown, string | undefined])[] = [];
  for (const { layout, depth, fields } of record.layouts) {
    // The header's fields have names of their own above.
    if (depth === 0) continue;
    if (layout === lower) found.push([undefined, layout]);
    for (const field of fields) {
      const own = field.name.toLowerCase();
      if (own === lower || `${layout}.${own}` === lower) found.push([field.value, field.text]);
    }
  }
  return found;
}
