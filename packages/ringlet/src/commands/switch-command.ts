/** The command about switches: its options and help. */
import type { Command } from 'commander';
import { examples } from './help-examples.ts';
import type { CommandHost } from './host.ts';
import type { SwitchFlags } from './switch.ts';

/** Adds it. `ended` receives the exit code. */
export function addSwitchCommand(program: Command, host: CommandHost, ended: (code: number) => void): void {
  program
    .command('switch')
    .description('run a switch, at which machines of any process meet, or say how one is')
    .argument('<name>', 'what machines call it: --net switch=NAME')
    .option('--nat', 'with a way out: a user-mode network for all machines on the switch')
    .option('--subnet <network>', 'addresses of that network; 10.0.2.0/24 otherwise')
    .option(
      '--forward <[udp:][address:]port:[address:]port>',
      'a port of this host that leads to a port of a guest; may be repeated',
      (value: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), value],
    )
    .option('--mirror <file>', 'a capture file (pcapng) of every frame')
    .option('--while-used', 'end when the last machine has left')
    .option('--status', 'say how a running switch is: its ports, addresses and counts')
    .option('--json', 'JSON, for programs')
    .addHelpText(
      'after',
      examples(
        ['ringlet switch lan --nat', 'Ctrl-C ends it'],
        ['ringlet run debian --net switch=lan', 'plugs a machine in; without a switch, this starts one'],
        ['ringlet switch lan --mirror lan.pcapng', 'for Wireshark'],
        ['ringlet switch lan --nat --forward 2222:10.0.2.16:22', 'to the second machine'],
        ['ringlet switch lan --status', ''],
      ),
    )
    .action(async (name: string, flags: SwitchFlags) => {
      const { runSwitch } = await import('./switch.ts');
      ended(await runSwitch(name, flags, host));
    });
}
