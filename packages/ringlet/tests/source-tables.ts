/** What pages of the guide take from the sources: tables as they run, cases of a switch, named constants with their comments. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { ROOT } from './machines.ts';

const PACKAGES = join(ROOT, 'packages');

/** A module of a package, by its path below `packages`: tables are read from where they stand. */
export async function moduleAt<T>(path: string): Promise<T> {
  return (await import(/* @vite-ignore */ pathToFileURL(join(PACKAGES, path)).href)) as T;
}

/** Paths of all sources that are shipped, below `packages`. */
export function shippedSources(): string[] {
  return readdirSync(PACKAGES, { recursive: true, encoding: 'utf8' })
    .filter((path) => /^[^/]+\/src\/.*(?<!\.test|-fixture)\.ts$/.test(path))
    .toSorted();
}

/** Text of a source. */
export const sourceOf = (path: string): string => readFileSync(join(PACKAGES, path), 'utf8');

/** Names `X` for which a source has `case TABLE.X:` or `=== TABLE.X`. @throws Error when there is none */
export function namesServed(path: string, table: string): Set<string> {
  const pattern = new RegExp(String.raw`(?:\bcase |=== )${table}\.(\w+)`, 'g');
  const names = [...sourceOf(path).matchAll(pattern)].map((match) => match[1]!);
  if (names.length === 0) throw new Error(`${path} has no case of ${table}`);
  return new Set(names);
}

/** Names `X` for which a source has a row `[TABLE.X, …]` of a map. @throws Error when there is none */
export function keysOf(path: string, table: string): Set<string> {
  const names = [...sourceOf(path).matchAll(new RegExp(String.raw`^  \[${table}\.(\w+),`, 'gm'))].map(
    (match) => match[1]!,
  );
  if (names.length === 0) throw new Error(`${path} has no row of ${table}`);
  return new Set(names);
}

/** A named constant of a module's top level. */
export interface Constant {
  readonly path: string;
  readonly name: string;
  readonly value: number;
  /** Its comment, in one line; empty when it has none. */
  readonly comment: string;
}

/** Constants of a source whose value can be worked out: numbers, and what is made of them and of each other. */
export function constantsOf(path: string): Constant[] {
  const file = ts.createSourceFile(path, sourceOf(path), ts.ScriptTarget.Latest, true);
  const known = new Map<string, number>();
  const found: Constant[] = [];
  for (const statement of file.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name, initializer } of statement.declarationList.declarations) {
      if (!ts.isIdentifier(name) || initializer === undefined) continue;
      const comment = commentOf(statement);
      const add = (named: string, expression: ts.Expression, said: string): void => {
        const value = valueOf(expression, known);
        if (value === undefined) return;
        known.set(named, value);
        found.push({ path, name: named, value, comment: said });
      };
      if (ts.isObjectLiteralExpression(initializer)) {
        for (const property of initializer.properties) {
          if (!ts.isPropertyAssignment(property) || !ts.isIdentifier(property.name)) continue;
          add(`${name.text}.${property.name.text}`, property.initializer, comment);
        }
      } else add(name.text, initializer, comment);
    }
  }
  return found;
}

function commentOf(node: ts.Node): string {
  const comments = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const text = comments.map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '').join(' ');
  return text
    .replaceAll(/\{@link (?:\w+\.)?(\w+)\}/g, '`$1`')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function valueOf(node: ts.Expression, known: ReadonlyMap<string, number>): number | undefined {
  if (ts.isNumericLiteral(node)) return Number(node.text);
  if (ts.isBigIntLiteral(node)) return Number(node.text.replace('n', ''));
  if (ts.isParenthesizedExpression(node)) return valueOf(node.expression, known);
  if (ts.isIdentifier(node)) return known.get(node.text);
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.TildeToken) {
    const operand = valueOf(node.operand, known);
    return operand === undefined ? undefined : ~operand;
  }
  if (!ts.isBinaryExpression(node)) return undefined;
  const [left, right] = [valueOf(node.left, known), valueOf(node.right, known)];
  const operation = OPERATIONS[node.operatorToken.getText()];
  return left === undefined || right === undefined ? undefined : operation?.(left, right);
}

const OPERATIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '**': (a, b) => a ** b,
  '<<': (a, b) => a << b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
};
