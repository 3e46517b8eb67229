/** Standard input of this process. A terminal is given back as it was on every way out that leaves time for it. */
import process from 'node:process';
import { isatty } from 'node:tty';
import type { Keyboard } from '../commands/host.ts';

const STANDARD_INPUT = 0;

/** The keyboard, or whatever else standard input is. */
export const keyboard: Keyboard = {
  terminal: isatty(STANDARD_INPUT),
  listen(handler, raw) {
    const { stdin } = process;
    const giveBack = raw ? takeTerminal() : () => undefined;
    // A terminal that went away tells so by a signal, too.
    stdin.on('error', () => undefined);
    let listening = true;
    const goOn = (): void => {
      if (listening) stdin.resume();
    };
    const arrived = (bytes: Buffer): void => {
      const room = handler(bytes);
      if (room === undefined) return;
      stdin.pause();
      // Who cannot take it any more has ended.
      room.then(goOn, goOn);
    };
    stdin.on('data', arrived);
    return () => {
      listening = false;
      stdin.off('data', arrived);
      stdin.pause();
      giveBack();
    };
  },
};

/** Takes the terminal into raw mode. @returns gives it back */
function takeTerminal(): () => void {
  const { stdin } = process;
  const enter = (): void => void stdin.setRawMode(true);
  const restore = (): void => void stdin.setRawMode(false);
  // Whoever stops the process finds a terminal that can be used; who continues it is back at the guest's console.
  const stop = (): void => {
    restore();
    process.kill(process.pid, 'SIGSTOP');
  };
  const quit = (): void => {
    giveBack();
    process.kill(process.pid, 'SIGQUIT');
  };
  const giveBack = (): void => {
    process.off('exit', restore).off('SIGCONT', enter).off('SIGTSTP', stop).off('SIGQUIT', quit);
    restore();
  };
  process.on('exit', restore).on('SIGCONT', enter).on('SIGTSTP', stop).on('SIGQUIT', quit);
  enter();
  return giveBack;
}
