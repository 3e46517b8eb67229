/** `ringlet mouse`: moves, clicks and scrolls. */
import { UserError } from '@ringlet/wire';
import type { MouseAction, MouseButtonName } from '../control/controllable.ts';
import { BUTTON_NAMES } from '../machine/mouse.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';
import { withMachine } from './with-machine.ts';

/** How long a guest may take to read them. */
const ANSWER_MS = 30_000;
const FORMS = 'move X Y, click [BUTTON], press [BUTTON], release [BUTTON], scroll NOTCHES';

/** Runs the command. */
export async function useMouse(name: string, words: readonly string[], host: CommandHost): Promise<ExitCode> {
  const actions = mouseActions(words);
  await withMachine(name, host, (client) => client.call('mouse', { actions }, ANSWER_MS));
  return ExitCode.Success;
}

/** The actions that words mean. @throws UserError `mouse-action-invalid` */
export function mouseActions(words: readonly string[]): MouseAction[] {
  const left = [...words];
  const actions: MouseAction[] = [];
  for (let verb = left.shift(); verb !== undefined; verb = left.shift()) {
    switch (verb) {
      case 'move':
        actions.push({
          action: 'move',
          x: number(verb, left.shift(), /^\d{1,5}$/),
          y: number(verb, left.shift(), /^\d{1,5}$/),
        });
        break;
      case 'scroll':
        actions.push({ action: 'scroll', notches: number(verb, left.shift(), /^[+-]?\d{1,4}$/) });
        break;
      case 'click':
      case 'press':
      case 'release': {
        const button = BUTTON_NAMES.find((each) => each === left[0]);
        if (button !== undefined) left.shift();
        actions.push({ action: verb, button: button ?? ('left' satisfies MouseButtonName) });
        break;
      }
      default:
        throw new UserError('mouse-action-invalid', `a mouse cannot "${verb}"`, {
          hint: `${FORMS}; buttons: ${BUTTON_NAMES.join(', ')}`,
        });
    }
  }
  return actions;
}

function number(verb: string, word: string | undefined, form: RegExp): number {
  if (word !== undefined && form.test(word)) return Number(word);
  throw new UserError(
    'mouse-action-invalid',
    `${verb}: ${word === undefined ? 'a number is missing' : `"${word}" is no number for it`}`,
    {
      hint: FORMS,
    },
  );
}
