/** Error codes and their pages: none without the other, whatever way a code is put together. */
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { ERROR_PAGES } from '../src/commands/error-pages.ts';
import { ROOT } from './machines.ts';
import { shippedSources, sourceOf } from './source-tables.ts';

/** Made where a mistake of ours is reported: by no `UserError`. */
const OTHERWISE = ['internal'];

/** Parses the sources as far as types go. */
function programOf(paths: readonly string[]): ts.Program {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.base.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [] }, ts.sys, ROOT);
  const files = paths.map((path) => join(ROOT, 'packages', path));
  return ts.createProgram(files, { ...options, composite: false, incremental: false, noEmit: true, types: ['node'] });
}

/** Strings that an expression can be; `undefined` when its type does not tell. */
function stringsOf(checker: ts.TypeChecker, node: ts.Expression): readonly string[] | undefined {
  if (ts.isTemplateExpression(node)) {
    let texts: readonly string[] = [node.head.text];
    for (const { expression, literal } of node.templateSpans) {
      const inner = stringsOf(checker, expression);
      if (inner === undefined) return undefined;
      texts = texts.flatMap((text) => inner.map((each) => `${text}${each}${literal.text}`));
    }
    return texts;
  }
  const type = checker.getTypeAtLocation(node);
  const types = type.isUnion() ? type.types : [type];
  return types.every((each) => each.isStringLiteral()) ? types.map((each) => each.value) : undefined;
}

/** What a function is called, and where a parameter of it stands; `undefined` when the name is no parameter. */
function parameterOf(checker: ts.TypeChecker, node: ts.Expression): { name: string; index: number } | undefined {
  const declaration = checker.getSymbolAtLocation(node)?.valueDeclaration;
  if (declaration === undefined || !ts.isParameter(declaration)) return undefined;
  const { parent } = declaration;
  const named = ts.isArrowFunction(parent) ? parent.parent : parent;
  const name = (named as ts.NamedDeclaration).name?.getText();
  return name === undefined ? undefined : { name, index: parent.parameters.indexOf(declaration) };
}

function codesOf(): { codes: Set<string>; unclear: string[] } {
  const paths = shippedSources().filter((path) => sourceOf(path).includes('new UserError('));
  const program = programOf(paths);
  const checker = program.getTypeChecker();
  const codes = new Set<string>();
  const unclear: string[] = [];
  for (const path of paths) {
    const file = program.getSourceFile(join(ROOT, 'packages', path))!;
    const helpers: { name: string; index: number }[] = [];
    const take = (argument: ts.Expression): void => {
      const strings = stringsOf(checker, argument);
      if (strings !== undefined) return strings.forEach((code) => void codes.add(code));
      const parameter = parameterOf(checker, argument);
      if (parameter !== undefined) helpers.push(parameter);
      // One that came from another thread or process, with its code.
      else if (!/^\w+\.code$/.test(argument.getText())) unclear.push(`${path}: ${argument.getText()}`);
    };
    const each = (node: ts.Node, look: (node: ts.Node) => void): void => {
      look(node);
      node.forEachChild((child) => each(child, look));
    };
    each(file, (node) => {
      if (ts.isNewExpression(node) && node.expression.getText() === 'UserError') take(node.arguments![0]!);
    });
    for (const { name, index } of helpers) {
      let calls = 0;
      each(file, (node) => {
        if (!ts.isCallExpression(node) || node.expression.getText() !== name) return;
        calls++;
        take(node.arguments[index]!);
      });
      if (calls === 0) unclear.push(`${path}: ${name}`);
    }
  }
  return { codes, unclear };
}

test('every code of an error has a page, and every page a code', () => {
  const { codes, unclear } = codesOf();
  expect(unclear).toEqual([]);
  expect(codes.size).toBeGreaterThan(100);
  const pages = Object.keys(ERROR_PAGES).filter((code) => !OTHERWISE.includes(code));
  expect([...codes].toSorted()).toEqual(pages.toSorted());
  // Stable, and easy to type.
  expect(Object.keys(ERROR_PAGES).filter((code) => !/^[a-z]+(-[a-z]+)*$/.test(code))).toEqual([]);
}, 120_000);
