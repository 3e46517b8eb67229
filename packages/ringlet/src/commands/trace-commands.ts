/** The commands about traces: their options and help. */
import type { Command } from 'commander';
import { examples } from './help-examples.ts';
import type { CommandHost } from './host.ts';
import type { TraceFlags } from './trace.ts';

/** Adds them. `ended` receives the exit code of the one that ran. */
export function addTraceCommands(program: Command, host: CommandHost, ended: (code: number) => void): void {
  program
    .command('trace')
    .description('show the hypercalls, MSRs, messages and packets of a running machine, decoded field by field')
    .argument('[name]', 'the machine; the only one that runs otherwise')
    .option('--filter <expression>', 'only records for which this holds: device=storage && opcode=READ_10')
    .option('--follow', 'go on with what happens, until Ctrl-C')
    .option('-w, --write <file>', 'write a capture file (pcapng), for Wireshark, instead of text')
    .option('--snaplen <bytes>', 'with -w: write so much of each frame and record; all that is kept otherwise')
    .option('--fields', 'each field on a line of its own, with its place in the record')
    .option('--json', 'one JSON object a line')
    .option('--stop', 'trace no more; print what is kept')
    .addHelpText(
      'after',
      examples(
        ['ringlet trace', 'what has happened lately; the first time switches tracing on'],
        ["ringlet trace web --follow --filter 'device=storage'", 'what the disks are asked'],
        ["ringlet trace web --filter 'kind=msr && msr~STIMER'", 'accesses to the synthetic timers'],
        ['ringlet trace web --follow -w web.pcapng', 'open it in Wireshark, with the dissector of ringlet dissector'],
        ['ringlet run debian --trace boot.pcapng', 'from the first instruction on'],
      ),
    )
    .action(async (name: string | undefined, flags: TraceFlags) => {
      const { trace } = await import('./trace.ts');
      ended(await trace(name, flags, host));
    });

  program
    .command('dissector')
    .description('print the Wireshark dissector of traces, in Lua')
    .option('--device <file>', 'a file with a VSP, whose own protocol is added; may be repeated', collect)
    .addHelpText(
      'after',
      examples(
        ['ringlet dissector > ringlet.lua', ''],
        ['tshark -X lua_script:ringlet.lua -r boot.pcapng -Y ringlet.cdb', 'the SCSI commands of a boot'],
        ['ringlet dissector > ~/.local/lib/wireshark/plugins/ringlet.lua', 'for each start of Wireshark'],
      ),
    )
    .action(async (flags: { device?: readonly string[] }) => {
      const { printDissector } = await import('./dissector.ts');
      ended(await printDissector(flags, host));
    });
}

function collect(value: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}
