/** The page of the documentation that says which instructions there are, from the table. */
import { ROWS, type Row } from './table.ts';

const TITLES: Readonly<Record<string, string>> = {
  integer: 'Integer',
  system: 'System',
  x87: 'x87',
  mmx: 'MMX',
  sse: 'SSE, SSE2, SSE3',
  sse4: 'SSSE3, SSE4.1, SSE4.2',
};

/**
 * Markdown of the page.
 * @param handlers - names of the handlers that exist, see `scripts/build.mjs`
 */
export function coveragePage(handlers: ReadonlySet<string>): string {
  const sections = Object.keys(TITLES).map((section) => {
    const rows = ROWS.filter((row) => row.section === section);
    const done = rows.filter((row) => handlers.has(row.handler)).length;
    return [
      `## ${TITLES[section]}`,
      '',
      `${done} of ${rows.length} forms.`,
      '',
      '| mnemonic | opcodes | operands | feature | |',
      '| --- | --- | --- | --- | --- |',
      ...byMnemonic(rows).map((forms) => line(forms, handlers)),
    ].join('\n');
  });
  return [
    '---',
    'title: Instructions',
    '---',
    '',
    '# Instructions',
    '',
    'What the x86-64 processor executes, from the table that its decoder is made of. Opcodes are those of the manuals;',
    'operands are named as in their opcode maps (Intel SDM volume 2, appendix A). What is not here raises #UD, and',
    '`ringlet inspect NAME processors` counts it by its opcode.',
    '',
    ...sections,
    '',
  ].join('\n');
}

function byMnemonic(rows: readonly Row[]): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.mnemonic);
    if (group === undefined) groups.set(row.mnemonic, [row]);
    else group.push(row);
  }
  return [...groups.values()].sort((a, b) => a[0]!.mnemonic.localeCompare(b[0]!.mnemonic));
}

function line(forms: readonly Row[], handlers: ReadonlySet<string>): string {
  const unique = (values: readonly string[]): string => [...new Set(values)].join(', ');
  const encodings = unique(forms.map((row) => row.text.split('|')[1]!.trim()));
  const operands = unique(forms.map((row) => row.operands.join(' ')).filter((text) => text !== ''));
  const missing = forms.filter((row) => !handlers.has(row.handler)).length;
  const state = missing === 0 ? '' : missing === forms.length ? 'not yet' : `${missing} of ${forms.length} not yet`;
  return `| ${forms[0]!.mnemonic} | ${encodings} | ${operands} | ${unique(forms.map((row) => row.feature))} | ${state} |`;
}
