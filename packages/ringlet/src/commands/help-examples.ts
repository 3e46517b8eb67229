/** Examples at the end of a command's help. */

/** Lines of examples for a command's help: what to write, and what it does. */
export function examples(...rows: readonly (readonly [command: string, meaning: string])[]): string {
  const width = Math.max(...rows.map(([command]) => command.length));
  const lines = rows.map(([command, meaning]) => `  $ ${command.padEnd(width)}  ${meaning}`.trimEnd());
  return ['', 'Examples:', ...lines, ''].join('\n');
}
