/** The commands about a machine's screen, keyboard and mouse: their options and help. */
import type { Command } from 'commander';
import type { CommandHost } from './host.ts';
import { examples } from './help-examples.ts';
import type { TypeFlags } from './type.ts';
import type { ViewFlags } from './view.ts';

/** Adds them. `ended` receives the exit code of the one that ran. */
export function addDisplayCommands(program: Command, host: CommandHost, ended: (code: number) => void): void {
  program
    .command('screenshot')
    .description("write a running machine's screen to a PNG file")
    .argument('<name>', 'the machine')
    .argument('<file>', 'where; - writes to standard output')
    .option('--json', 'say as JSON what was written')
    .addHelpText(
      'after',
      examples(['ringlet screenshot debian screen.png', ''], ['ringlet screenshot debian - | display', '']),
    )
    .action(async (name: string, file: string, flags: { json?: boolean }) => {
      const { screenshot } = await import('./screenshot.ts');
      ended(await screenshot(name, file, flags, host));
    });

  program
    .command('view')
    .description("open a running machine's screen, keyboard and mouse to a browser of this host, or to VNC viewers")
    .argument('<name>', 'the machine')
    .option('--port <n>', 'port of the page; any otherwise')
    .option('--vnc <where>', 'let VNC viewers in, too: at a port of this host, or at the path of a socket')
    .option('--off', 'close them again')
    .option('--json', 'say as JSON where to look')
    .addHelpText(
      'after',
      examples(
        ['ringlet view debian', 'prints the address of a page; open it in a browser'],
        ['xdg-open $(ringlet view debian)', ''],
        ['ringlet view debian --vnc 5901', 'prints a password, too; then: vncviewer localhost:5901'],
        ['ringlet view debian --vnc ~/debian.vnc', 'a socket that only you can open: vncviewer ~/debian.vnc'],
        ['ringlet view debian --off', ''],
      ),
    )
    .action(async (name: string, flags: ViewFlags) => {
      const { view } = await import('./view.ts');
      ended(await view(name, flags, host));
    });

  program
    .command('type')
    .description("type at a running machine's keyboard, as somebody in front of its screen would")
    .argument('<name>', 'the machine')
    .argument('[text]', 'what to type; line feeds are Enter')
    .option('--enter', 'press Enter after the text')
    .option('--keys <chords>', 'press keys after that: names joined by "-", chords separated by blanks')
    .option('--unicode', 'send characters that no key has as characters: Windows takes them, Linux does not')
    .addHelpText(
      'after',
      examples(
        ["ringlet type debian 'uname -a' --enter", 'at the terminal on the screen'],
        ['ringlet type debian --keys ctrl-alt-f2', 'another terminal'],
        ["ringlet type debian --keys 'up up enter'", 'a chord after another'],
        ['ringlet console debian', 'the serial console is another one: type at it here'],
      ),
    )
    .action(async (name: string, text: string | undefined, flags: TypeFlags) => {
      const { typeAt } = await import('./type.ts');
      ended(await typeAt(name, text, flags, host));
    });

  program
    .command('mouse')
    .description("use a running machine's mouse")
    .argument('<name>', 'the machine')
    .argument('<actions...>', 'move X Y, click [BUTTON], press [BUTTON], release [BUTTON], scroll NOTCHES')
    .addHelpText(
      'after',
      examples(
        ['ringlet mouse debian move 512 384 click', 'pixels of the screen; the left button'],
        ['ringlet mouse debian click right', ''],
        ['ringlet mouse debian move 10 10 press move 90 90 release', 'drags'],
        ['ringlet mouse debian scroll -- -3', 'towards the user'],
      ),
    )
    .action(async (name: string, words: string[]) => {
      const { useMouse } = await import('./mouse.ts');
      ended(await useMouse(name, words, host));
    });

  program
    .command('resolution')
    .description("tell a running machine's guest that its screen would rather have another size")
    .argument('<name>', 'the machine')
    .argument('<size>', 'such as 1280x720')
    .addHelpText(
      'after',
      examples(['ringlet resolution win 1280x720', 'Linux asks for it when its driver is bound again']),
    )
    .action(async (name: string, size: string) => {
      const { preferResolution } = await import('./resolution.ts');
      ended(await preferResolution(name, size, host));
    });
}
