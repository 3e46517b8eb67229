/** What a shell makes of a line, as far as the documents use one: words, quotes, comments, and what joins commands. */

/** One command of a line: its words, without those that send its input and output elsewhere. */
export type ShellCommand = readonly string[];

const TOKEN =
  /\s+|#.*$|\$\(([^()]*)\)|'([^']*)'|"((?:[^"\\]|\\.)*)"|(\|\||&&|[|;&])|(\d*>>?|<)|\\(.)|((?:(?!\$\()[^\s'"|;&<>\\])+)/gy;

/** The commands of a line, joined by whatever, those in `$(…)` first. Throws at what it does not know. */
export function shellCommands(line: string): ShellCommand[] {
  const commands: string[][] = [[]];
  const inside: ShellCommand[] = [];
  let word: string | undefined;
  let redirected = false;
  const finish = (): void => {
    if (word === undefined) return;
    if (!redirected) commands.at(-1)!.push(word);
    redirected = false;
    word = undefined;
  };
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < line.length) {
    const match = TOKEN.exec(line);
    if (match === null) throw new Error(`what does a shell make of this? ${line}`);
    const [whole, inner, single, double, joint, redirection, escaped, plain] = match;
    if (inner !== undefined) inside.push(...shellCommands(inner));
    const text = inner ?? single ?? double?.replaceAll(/\\(["$`\\])/g, '$1') ?? escaped ?? plain;
    if (text !== undefined) word = (word ?? '') + text;
    else if (whole.startsWith('#') && word !== undefined) word += whole;
    else finish();
    if (joint !== undefined) commands.push([]);
    if (redirection !== undefined) redirected = true;
  }
  finish();
  return [...inside, ...commands.map((words) => withoutSettings(words))].filter((words) => words.length > 0);
}

/** `NAME=value` before a command sets its environment; sudo gives it to another. */
function withoutSettings(words: readonly string[]): string[] {
  const from = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word) && word !== 'sudo');
  return from < 0 ? [] : words.slice(from);
}
