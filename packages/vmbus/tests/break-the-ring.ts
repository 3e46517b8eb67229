/**
 * Break the ring: takes one rule of the signalling out of the real code, tries every order in which the two ends can
 * touch their shared words, and shows the way to the first wake-up that is lost.
 *
 *     npm run lesson:ring                 lists the rules
 *     npm run lesson:ring -- 1            takes the first one out
 *     npm run lesson:ring -- 0            takes none out
 */
import { pathToFileURL } from 'node:url';
import { describeWord, explore, type Step } from '../src/ring/interleaving-explorer.ts';
import { compile, rules, scenarios } from './interleaving-rules.ts';

/** What the lesson says when rule `number` is taken out; without a number, which there are. */
export async function lesson(number?: number): Promise<string> {
  if (number === undefined) {
    return rules.map(({ rule }, i) => `${String(i + 1).padStart(2)}  ${rule}\n`).join('');
  }
  if (number === 0) {
    const Whole = await compile();
    const lines = Object.entries(scenarios).map(([name, programs]) => {
      const { states, lost } = explore(Whole, programs);
      return `${String(states).padStart(6)} states, ${lost ? 'a wake-up is lost' : 'no wake-up is lost'}: ${name}\n`;
    });
    return lines.join('');
  }
  const chosen = rules[number - 1];
  if (chosen === undefined) return `there are rules 1 to ${rules.length}\n`;
  const { lost } = explore(await compile(chosen.without), scenarios[chosen.in]!);
  const steps = (lost ?? []).map((step, i) => `${String(i + 1).padStart(4)}  ${told(step)}\n`);
  return [`Without this rule: ${chosen.rule}\n`, `In ${chosen.in}:\n\n`, ...steps, ending(lost ?? [])].join('');
}

const NAMES = ['consumer', 'producer'];

/** An access, as a sentence: who, what, and what was found. */
function told({ end, kind, word, value, answer }: Step): string {
  const who = NAMES[end]!;
  const what = describeWord(word);
  switch (kind) {
    case 'load':
      return `${who} reads ${what}: ${answer}`;
    case 'store':
    case 'exchange':
      return `${who} sets ${what} to ${value}${value === answer ? ', as it was' : `; it was ${answer}`}`;
    case 'or':
      return `${who} adds ${value} to ${what}`;
    case 'add':
      return `${who} rings: ${what} is now ${answer + value}`;
    case 'notify':
      return `${who} wakes whoever waits for ${what}`;
    case 'wait':
      return answer === value
        ? `${who} SLEEPS until ${what} is no longer ${value}`
        : `${who} would sleep, but ${what} has rung meanwhile`;
  }
}

function ending(steps: readonly Step[]): string {
  const last = new Map<number, Step>();
  for (const step of steps) last.set(step.end, step);
  const asleep = [...last].filter(([, { kind, answer, value }]) => kind === 'wait' && answer === value);
  if (asleep.length === 0) return '\nNo wake-up is lost: this rule is not needed here.\n';
  const names = asleep.map(([end]) => NAMES[end]!).toSorted();
  const both = names.length === 2;
  return `\nNobody moves any more. ${both ? 'Both sleep' : `The ${names[0]} sleeps and the other has finished`}: the wake-up is lost.\n`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [word] = process.argv.slice(2);
  process.stdout.write(await lesson(word === undefined ? undefined : Number(word)));
}
