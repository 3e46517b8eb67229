/** What the microkernel's rows say of themselves, for those who decode traces: the form of each hypercall, names of MSRs. */
import { type Alternative, type Field, type Layout, named, struct, type Struct, type ValueNames } from '@ringlet/wire';
import { hypercalls } from '../hypercall/table.ts';
import { registers } from '../msr/registers.ts';
import { HypercallTrace, MsrTrace } from './trace-records.ts';

/** MSRs by the specification's name. */
export const msrNames: ValueNames = Object.fromEntries([...registers].map(([index, { name }]) => [name, index]));

/**
 * A traced hypercall, and a traced access to an MSR.
 *
 * @param inside - what the input of some calls contains, by code, for who knows more of it
 */
export function hypercallLayouts(inside: Readonly<Record<number, NonNullable<Layout['parts']>>> = {}): {
  readonly hypercall: Layout;
  readonly msr: Layout;
} {
  const rows = [...hypercalls.values()];
  const code = Object.fromEntries(rows.map((row) => [row.name, row.code]));
  const part = (pick: (row: (typeof rows)[number]) => Alternative | undefined): Alternative[] =>
    rows.map(pick).filter((each) => each !== undefined);
  const { size } = HypercallTrace;
  const hypercall: Layout = {
    name: 'hypercall',
    head: struct(HypercallTrace.name, size, { ...HypercallTrace.shape, code: named(HypercallTrace.shape.code, code) }),
    parts: [
      part((row) =>
        of(row, 'input', { atLeast: 1, length: { field: 'inputBytes' } }, (input) => {
          const element = row.form.element && layoutOf(row, 'element', row.form.element);
          const repeated = element && [[{ layout: element, times: { field: 'repCount' } }]];
          return { ...input, parts: [...(repeated ?? []), ...(inside[row.code] ?? [])] };
        }),
      ),
      part((row) => of(row, 'output', { atLeast: 1 })),
      part((row) => of(row, 'result', { atLeast: 1, times: { field: 'repsDone' } })),
    ],
  };
  const msr: Layout = {
    name: 'msr',
    head: struct(MsrTrace.name, MsrTrace.size, { ...MsrTrace.shape, msr: named(MsrTrace.shape.msr, msrNames) }),
  };
  return { hypercall, msr };

  function of(
    row: (typeof rows)[number],
    what: 'input' | 'output' | 'result',
    how: Omit<Alternative, 'layout' | 'when'>,
    change: (layout: Layout) => Layout = (layout) => layout,
  ): Alternative | undefined {
    const field = row.form[what];
    if (field === undefined || field.size === 0) return undefined;
    return { ...how, when: { code: row.code }, layout: change(layoutOf(row, what, field)) };
  }
}

const layoutOf = ({ name }: { readonly name: string }, what: string, field: Field<any>): Layout => ({
  name: `${name
    .replace(/^HvCall/, '')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-')
    .toLowerCase()}.${what}`,
  head: 'shape' in field ? (field as Struct<any>) : struct(`${name} ${what}`, field.size, { [what]: field }),
});
