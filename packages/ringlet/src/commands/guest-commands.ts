/** The commands about what is inside a running guest: their options and help. */
import type { Command } from 'commander';
import type { ExecFlags } from './exec.ts';
import type { BackupFlags, CopyFlags } from './guest-files.ts';
import type { KeysFlags } from './guest-keys.ts';
import { examples } from './help-examples.ts';
import type { CommandHost } from './host.ts';

/** Adds them. `ended` receives the exit code of the one that ran. */
export function addGuestCommands(program: Command, host: CommandHost, ended: (code: number) => void): void {
  program
    .command('exec')
    .description('run a command in a running guest, without a network; images of the catalogue have the agent for it')
    .argument('<name>', 'the machine')
    .argument('[command...]', 'the command and its words, after --')
    .option('--tty', 'give it a terminal; without this and --no-tty, when this command has one')
    .option('--no-tty', 'give it pipes')
    .option('--no-input', 'it reads nothing')
    .option('--env <name=value>', 'add to its environment; may be repeated', collect)
    .option('--directory <path>', "where it runs; the user's home directory otherwise")
    .option('--user <name>', 'who runs it; root otherwise')
    .option('--wait <duration>', 'how long the guest may take to be there; 60s otherwise')
    .addHelpText(
      'after',
      examples(
        ['ringlet exec debian -- uname -a', 'exit code, standard streams and signals are those of the command'],
        ['ringlet exec debian -- sh', 'a shell, on a terminal'],
        ['ringlet exec debian -- tar -cf - /etc > etc.tar', 'any bytes'],
        ["ringlet exec debian -- sh -c 'cat > /tmp/notes' < notes", ''],
      ) +
        '\nExit codes:\n  that of the command; 128 and the number of the signal that ended it\n' +
        '  125  ringlet itself failed\n  126  the guest cannot run it\n  127  the guest has no such command\n',
    )
    .action(async (name: string, command: string[], flags: ExecFlags) => {
      const { exec } = await import('./exec.ts');
      ended(await exec(name, command, flags, host));
    });

  program
    .command('keys')
    .description('what a guest says of itself, and what it was given, by key-value exchange')
    .argument('<name>', 'the machine')
    .argument('[settings...]', 'KEY=VALUE gives the guest a value, KEY= takes it away')
    .option('--pool <pool>', 'system (what its operating system says), guest (its programs), host (what it was given)')
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      examples(
        ['ringlet keys debian', 'a Linux guest answers once its hv_kvp_daemon runs'],
        ['ringlet keys debian role=web', 'the guest finds it in /var/lib/hyperv/.kvp_pool_0'],
      ),
    )
    .action(async (name: string, settings: string[], flags: KeysFlags) => {
      const { keys } = await import('./guest-keys.ts');
      ended(await keys(name, settings, flags, host));
    });

  program
    .command('copy')
    .description('copy a file into a running guest, by its file copy component')
    .argument('<file>', 'the file')
    .argument('<target>', 'NAME:/path in the guest; a directory when it ends with a slash')
    .option('--force', 'replace a file that is there')
    .option('--parents', 'make the directory when it is not there')
    .addHelpText(
      'after',
      examples(
        ['ringlet copy notes.txt debian:/root/', "a Linux guest's hv_fcopy_daemon writes it"],
        ["ringlet exec debian -- sh -c 'cat > /root/notes.txt' < notes.txt", 'without that daemon'],
      ),
    )
    .action(async (file: string, target: string, flags: CopyFlags) => {
      const { copy } = await import('./guest-files.ts');
      ended(await copy(file, target, flags, host));
    });

  program
    .command('backup')
    .description('copy a disk of a running machine into a new image, while its guest holds still')
    .argument('<name>', 'the machine')
    .argument('<file>', 'the image; .vhd and .vhdx choose the format, anything else is raw')
    .option('--disk <place>', 'controller:target:lun; 0:0:0 otherwise')
    .option('--live', 'do not ask the guest: the copy is what a power cut would leave')
    .addHelpText(
      'after',
      examples(['ringlet backup debian monday.vhdx', "a Linux guest's hv_vss_daemon freezes its file systems"]),
    )
    .action(async (name: string, file: string, flags: BackupFlags) => {
      const { backup } = await import('./guest-files.ts');
      ended(await backup(name, file, flags, host));
    });

  program
    .command('set-clock')
    .description("make a guest set its clock to the host's time")
    .argument('<name>', 'the machine')
    .addHelpText(
      'after',
      examples(['ringlet set-clock debian', 'it does so by itself at start, and after the host slept']),
    )
    .action(async (name: string) => {
      const { setClock } = await import('./guest-keys.ts');
      ended(await setClock(name, host));
    });
}

function collect(value: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}
