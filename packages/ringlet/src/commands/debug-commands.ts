/** The commands for debuggers: their options and help. */
import type { Command } from 'commander';
import type { GdbFlags } from './gdb.ts';
import { examples } from './help-examples.ts';
import type { CommandHost } from './host.ts';
import type { SymbolsFlags } from './symbols.ts';

/** Adds them. `ended` receives the exit code of the one that ran. */
export function addDebugCommands(program: Command, host: CommandHost, ended: (code: number) => void): void {
  program
    .command('gdb')
    .description('let gdb look at a running machine; prints what to tell it')
    .argument('<name>', 'the machine')
    .option('--port <n>', 'wait at this port of this host; one that is free otherwise')
    .option('--socket <path>', 'wait at a Unix socket')
    .option('--off', 'wait no more; the machine runs on')
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      examples(
        ['ringlet gdb debian', 'prints target remote 127.0.0.1:PORT'],
        ['gdb vmlinux.sym -ex "$(ringlet gdb debian)"', 'with the symbols of ringlet symbols debian'],
        ['ringlet gdb debian --off', ''],
      ),
    )
    .action(async (name: string, flags: GdbFlags) => {
      const { gdb } = await import('./gdb.ts');
      ended(await gdb(name, flags, host));
    });

  program
    .command('symbols')
    .description("write a kernel's symbols as an ELF file for gdb; they are in the kernel image itself")
    .argument('<kernel>', 'an image that was pulled (debian), or the file of a kernel')
    .option('--output <file>', 'where to write; standard output otherwise')
    .option('--map', 'as text, as System.map has them')
    .addHelpText(
      'after',
      examples(
        ['ringlet symbols debian > vmlinux.sym', ''],
        ['gdb vmlinux.sym -ex "target remote :1234"', 'break start_kernel, x/i $pc, info symbol'],
        ['ringlet symbols /boot/vmlinuz --map', ''],
      ),
    )
    .action(async (kernel: string, flags: SymbolsFlags) => {
      const { symbols } = await import('./symbols.ts');
      ended(symbols(kernel, flags, host));
    });
}
