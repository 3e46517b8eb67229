/** The flags of `ringlet run` as words again, for the process that runs in the background. */
import type { RunFlags } from './run-options.ts';

/** Those of the command that waits; the one in the background has its own way to tell how it went. */
const NOT_PASSED_ON: readonly string[] = ['detach', 'expect', 'json'] satisfies (keyof RunFlags)[];

/** Every other flag, whatever there will be, in a form that parses to the same. */
export function runWords(flags: RunFlags): string[] {
  return Object.entries(flags as Readonly<Record<string, unknown>>)
    .filter(([name]) => !NOT_PASSED_ON.includes(name))
    .flatMap(([name, value]) => {
      const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      if (value === undefined) return [];
      if (value === true) return [`--${flag}`];
      if (value === false) return [`--no-${flag}`];
      // In one word: a value may begin with a hyphen.
      return (Array.isArray(value) ? value : [value]).map((each) => `--${flag}=${String(each)}`);
    });
}
