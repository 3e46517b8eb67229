/**
 * What packages say about each other (Debian Policy 7.1): `a (>= 1.2), b | c, d:any`, conditions joined by commas,
 * alternatives by bars.
 */
import { compareVersions } from '../debian-version.ts';

/** A package that would do, in this version. */
export interface Alternative {
  readonly name: string;
  /** `<<`, `<=`, `=`, `>=`, `>>`; empty when any version will do. */
  readonly operator: string;
  readonly version: string;
}

const FORM =
  /^([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([0-9A-Za-z.+:~-]+)\s*\))?\s*(?:\[[^\]]*\]\s*)?$/;

/** Reads a field: conditions, each a list of alternatives. What is not of the form is left out. */
export function parseRelations(text: string): Alternative[][] {
  return text
    .split(',')
    .map((condition) => condition.split('|').flatMap(alternative))
    .filter((alternatives) => alternatives.length > 0);
}

/** Whether a package of this version will do. */
export function satisfies({ operator, version }: Alternative, actual: string): boolean {
  if (operator === '') return true;
  const order = compareVersions(actual, version);
  switch (operator) {
    case '<<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '=':
      return order === 0;
    case '>=':
      return order >= 0;
    default:
      return order > 0;
  }
}

function alternative(text: string): Alternative[] {
  const [, name, operator = '', version = ''] = FORM.exec(text.trim()) ?? [];
  return name === undefined ? [] : [{ name, operator, version }];
}
