/** The commands about devices of one's own: their options and help. */
import type { Command } from 'commander';
import type { DeviceFlags } from './device.ts';
import { examples } from './help-examples.ts';
import type { CommandHost } from './host.ts';

/** Adds them. `ended` receives the exit code of the one that ran. */
export function addDeviceCommands(program: Command, host: CommandHost, ended: (code: number) => void): void {
  const create = program.command('new').description('write the files of something new');
  create
    .command('device')
    .description('write a device that works: VSP, VSC, their protocol, tests, a page, and a C client for Linux guests')
    .argument('<name>', 'lower-case words joined by hyphens')
    .option('--directory <path>', 'where to write', '.')
    .addHelpText(
      'after',
      examples(
        ['ringlet new device frame-buffer', 'in any folder; package.json and tsconfig.json where there are none'],
        ['ringlet new device rng --directory devices/rng', ''],
      ),
    )
    .action(async (name: string, flags: { directory: string }) => {
      const { newDevice } = await import('./new-device.ts');
      ended(newDevice(name, flags, host));
    });
  create.addHelpText('after', examples(['ringlet new device frame-buffer', '']));

  program
    .command('device')
    .description('say what a device file declares: its identifiers, its options, its packets')
    .argument('<file>', 'a file with a VSP as default export')
    .option('--header', 'the packets as a C header')
    .option('--page', 'options and packets as Markdown')
    .option('--json', 'JSON, for programs; options as JSON Schema')
    .addHelpText(
      'after',
      examples(
        ['ringlet device frame-buffer.ts', ''],
        ['ringlet device frame-buffer.ts --header > frame-buffer.h', 'after the protocol has changed'],
      ),
    )
    .action(async (file: string, flags: DeviceFlags) => {
      const { printDevice } = await import('./device.ts');
      ended(await printDevice(file, flags, host));
    });
}
