/** The command about the memory of a running machine: its options and help. */
import type { Command } from 'commander';
import { examples } from './help-examples.ts';
import type { CommandHost } from './host.ts';
import type { MemoryFlags } from './memory.ts';

/** Adds it. `ended` receives its exit code. */
export function addMemoryCommand(program: Command, host: CommandHost, ended: (code: number) => void): void {
  program
    .command('memory')
    .description('show how much memory a running machine has and needs, or set how much it is to have')
    .argument('<name>', 'the machine')
    .argument('[size]', 'what it is to have: 384M; or pressure, which leaves that to what its guest reports')
    .option('--json', 'one JSON object, sizes in bytes')
    .addHelpText(
      'after',
      examples(
        ['ringlet memory debian', ''],
        ['ringlet memory debian 256M', "a Linux guest's hv_balloon gives the rest away"],
        ['ringlet run debian --memory 512M,min=256M,max=1G', 'a machine that gets what it needs'],
        ['ringlet memory debian pressure', 'and goes back to that'],
      ),
    )
    .action(async (name: string, size: string | undefined, flags: MemoryFlags) => {
      const { memory } = await import('./memory.ts');
      ended(await memory(name, size, flags, host));
    });
}
