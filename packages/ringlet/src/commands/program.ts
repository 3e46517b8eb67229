/** The command line: every command and option, its help, and which file runs it. Commands are loaded when they are used. */
import { styleText } from 'node:util';
import { UserError } from '@ringlet/wire';
import { Command, CommanderError } from 'commander';
import { addDebugCommands } from './debug-commands.ts';
import { addDeviceCommands } from './device-commands.ts';
import type { CreateFlags } from './disk.ts';
import { addMachineDiskCommands } from './disk-commands.ts';
import { addDisplayCommands } from './display-commands.ts';
import { ExitCode, exitCodeHelp } from './exit-code.ts';
import { examples } from './help-examples.ts';
import { reportFailure } from './failure-report.ts';
import { addGuestCommands } from './guest-commands.ts';
import { addMemoryCommand } from './memory-command.ts';
import type { CommandHost } from './host.ts';
import type { PullFlags } from './pull.ts';
import type { ReplayFlags } from './replay.ts';
import type { RebootFlags } from './reboot.ts';
import type { RunFlags } from './run-options.ts';
import type { InspectFlags } from './inspect.ts';
import type { StopFlags } from './stop.ts';
import { addTraceCommands } from './trace-commands.ts';
import { addSwitchCommand } from './switch-command.ts';

/** Runs the words after `ringlet`. @returns the exit code. Never rejects. */
export async function runCommandLine(words: readonly string[], host: CommandHost): Promise<number> {
  let exitCode: number = ExitCode.Success;
  const program = createProgram(host, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...words], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0 || error.code === 'commander.help') return ExitCode.Success;
      const command = program.commands.find((candidate) => candidate.name() === words[0]);
      const hint = `ringlet ${command === undefined ? '' : `${command.name()} `}--help shows what there is`;
      return reportFailure(new UserError('usage', error.message.replace(/^error: /, ''), { hint }), host);
    }
    return reportFailure(error, host);
  }
}

/** The commands, for the parser, the help and the guide. `ended` receives the exit code of the one that ran. */
export function createProgram(host: CommandHost, ended: (code: number) => void): Command {
  const program = new Command('ringlet')
    .description('Runs partitioned virtual machines whose devices speak VMBus.')
    .version(host.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureOutput({
      writeOut: (text) => host.out(text),
      // Errors are told by reportFailure, in one form with all others.
      writeErr: () => undefined,
      getOutHasColors: () => host.colour,
    })
    .configureHelp({ styleTitle: (text) => (host.colour ? styleText('bold', text, { validateStream: false }) : text) })
    .exitOverride()
    .addHelpText(
      'after',
      examples(
        ['ringlet tour', 'a guided tour of a few machines'],
        ['ringlet run examples/hello.ts', 'run a guest'],
        ['ringlet run machine.yaml --detach', 'run what a file describes, in the background'],
        ['ringlet ls', 'see what runs'],
      ) + `\n${exitCodeHelp()}\n`,
    )
    .action(() => program.outputHelp());

  program
    .command('run')
    .description('run a guest, a kernel, or the machines of a machine file, to the end')
    .argument('[guest]', 'a guest module (.ts, .js), a machine file (.yaml), or an image that was pulled (debian)')
    .argument('[args...]', 'words for a guest module, after --')
    .option('--kernel <file>', 'an x86-64 kernel: bzImage, vmlinux, Multiboot or PVH')
    .option('--initrd <file>', "the kernel's initial RAM disk")
    .option('--append <words>', "words added to the kernel's command line")
    .option(
      '--disk <file[,keep][,ro][,format=F]>',
      'a disk image; may be repeated. Changes vanish unless "keep"',
      collect,
    )
    .option('--keep <file>', "keep what the guest writes to its image's root disk here; a copy of it at first")
    .option(
      '--net <kind[=where][,option…]>',
      'a network adapter on nat, switch=NAME, tap=IF, passt, stream=PATH or none; may be repeated',
      collect,
    )
    .option('--forward <host:guest>', 'a port of this host that leads to one of the guest; may be repeated', collect)
    .option(
      '--device <file[,name=value…]>',
      'a file with a VSP as default export, and its options; may be repeated',
      collect,
    )
    .option('--watch', 'load a device file anew when it is saved; the guest runs on')
    .option('--display <size>', 'the screen: 1280x1024; or none. 1024x768 otherwise')
    .option('--cpus <n>', 'virtual processors, 1 to 64')
    .option(
      '--memory <size[,min=S][,max=S]>',
      'guest memory: 64M, 1G; 512M for a kernel otherwise, 64M for a guest module. With limits, a kernel has what it needs',
    )
    .option('--name <name>', "what to call it; the guest's file name otherwise")
    .option('--expect <text>', 'end with exit code 0 as soon as the guest prints this')
    .option('--timeout <duration>', 'turn it off after this long: 500ms, 60s, 5m')
    .option('--gdb [port|path][,wait]', 'let gdb connect, to port 1234 of this host otherwise; ",wait": start it there')
    .option('--trace <file>', 'trace it from its first instruction on, into a capture file (pcapng)')
    .option('--on-reset <what>', 'what a reset by the guest comes to: restart or stop; restart otherwise')
    .option('--snaplen <bytes>', 'with --trace: keep so much of each frame; all of it otherwise')
    .option('--lockstep', 'one thread and a virtual clock: the same run every time')
    .option('--seed <n>', 'seed of the choices that --lockstep makes')
    .option('--record <file>', 'in lockstep: record all that comes from outside')
    .option('--checkpoint-every <duration>', 'with --record, for kernels: points to come back to without starting over')
    .option('--replay <file>', 'make what was recorded happen again, to the byte')
    .option('--json', 'one JSON object a line on standard output, and nothing else')
    .option('--detach', 'run in the background; return once it runs')
    .addHelpText(
      'after',
      examples(
        ['ringlet run examples/disk-sha256.ts --disk data.vhdx', 'a throw-away overlay takes the writes'],
        ['ringlet run examples/disk-write.ts --disk data.raw,keep', 'the image takes the writes'],
        ['ringlet run debian --net nat --forward 2222:22', 'a network, and a port of this host that leads in'],
        ['ringlet run examples/echo.guest.ts --device examples/echo.ts', 'with a device of your own'],
        ['ringlet run guest.ts --device mine.ts,rate=5 --watch', 'told something, and loaded anew when it is saved'],
        ['ringlet run examples/hello.ts --expect Hello --timeout 20s', 'as a step of a build'],
        ['ringlet run debian --trace boot.pcapng', 'for Wireshark, with the dissector of ringlet dissector'],
        ['ringlet run guest.ts -- --verbose now', 'words for the guest'],
        ['ringlet run debian', 'what ringlet pull debian has made; Ctrl-] then q leaves'],
        ['ringlet run debian-disk', 'a whole system, made by ringlet pull debian --disk; log in as root'],
        ['ringlet run debian-disk --keep web.vhdx', 'the same, and what it writes stays'],
        ['ringlet run --kernel bzImage --initrd initrd.img --append quiet', 'a kernel of your own'],
        ['ringlet run debian --lockstep --record boot.rec', 'then: ringlet run --replay boot.rec'],
        ["echo 'uname -a; exit' | ringlet run debian", 'types at its console'],
        ['ringlet run debian --gdb 1234,wait', "before the kernel's first instruction, gdb: target remote :1234"],
      ) + `\n${exitCodeHelp()}\n`,
    )
    .action(async (guest: string | undefined, args: string[], flags: RunFlags) => {
      const { run } = await import('./run.ts');
      ended(await run(guest, args, flags, host));
    });

  program
    .command('replay')
    .description('stand at any point of a recorded run, go back and forth, and look')
    .argument('<file>', 'what ringlet run --lockstep --record has written')
    .option('--to <point>', 'go there: 1.5s, 20ms, #1234 (a step), 1000000i (instructions), "input 3", start or end')
    .option('--until <text>', 'then on until the guest has printed it')
    .option('--step [n]', 'then this many steps on')
    .option('--back [n]', 'then this many steps back')
    .option('-e, --execute <commands>', 'commands instead of the prompt, with ; between them; may be repeated', collect)
    .option('--timeout <duration>', 'for each of these: stands where it is by then, exit code 5')
    .option('--checkpoint-memory <size>', 'what checkpoints may take, 1G by default: the least useful ones go first')
    .option('--json', 'one JSON object for each command')
    .addHelpText(
      'after',
      examples(
        ['ringlet replay boot.rec', 'commands are typed at a prompt, or come through a pipe'],
        ['ringlet replay boot.rec --to 1.5s -e "regs; mem rsp 128"', 'registers and stack after 1.5 s'],
        ['ringlet replay boot.rec --to end --back 100 -e console', 'a hundred steps before the end'],
        ['ringlet replay boot.rec --until "Kernel panic" -e regs', 'where the guest has just printed that'],
        ["ringlet replay boot.rec --json -e 'last login:; where'", 'for programs: an object for each command'],
        ['ringlet run --replay boot.rec', 'all of it, without a stop'],
      ),
    )
    .action(async (file: string, flags: ReplayFlags) => {
      const { replay } = await import('./replay.ts');
      ended(await replay(file, flags, host));
    });

  program
    .command('ls')
    .description('list the machines that run')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', examples(['ringlet ls', ''], ['ringlet ls --json', '']))
    .action(async (flags: { json?: boolean }) => {
      const { list } = await import('./ls.ts');
      ended(await list(flags, host));
    });

  program
    .command('inspect')
    .description('look inside a running machine')
    .argument('[name]', 'the machine; the only one that runs otherwise')
    .argument('[path]', 'a part of it; * stands for any characters of a name, ** for any parts in between')
    .option('--depth <levels>', 'how many levels are shown; without a path 2, else all')
    .option('--watch', 'again every second, with how much numbers have changed a second; Ctrl-C ends it')
    .option('--json', 'JSON, for programs: everything, in one line')
    .addHelpText(
      'after',
      examples(
        ['ringlet inspect', 'an overview of the only machine that runs'],
        ['ringlet inspect web vmbus/channels', 'channels and their rings'],
        ["ringlet inspect web 'vmbus/channels/*/rings' --watch", 'which rings are busy'],
        ['ringlet inspect web processors/0', 'registers, the instruction, exits'],
        ["ringlet inspect web '**/intercepts'", 'hypercalls and MSRs by name'],
        ['ringlet inspect web disks --json', ''],
      ),
    )
    .action(async (name: string | undefined, path: string | undefined, flags: InspectFlags) => {
      const { inspect } = await import('./inspect.ts');
      ended(await inspect(name, path, flags, host));
    });

  program
    .command('console')
    .description('follow what a running machine prints, and on a terminal type at its console')
    .argument('[name]', 'the machine; the only one that runs otherwise')
    .option('--no-follow', 'print what is there and return')
    .addHelpText(
      'after',
      examples(
        ['ringlet console web', 'Ctrl-C leaves, the machine runs on'],
        ['ringlet console debian', 'a kernel gets every key, Ctrl-C too: Ctrl-] then q leaves'],
      ),
    )
    .action(async (name: string | undefined, flags: { follow: boolean }) => {
      const { followConsole } = await import('./console.ts');
      ended(await followConsole(name, flags, host));
    });

  addTraceCommands(program, host, ended);
  addDisplayCommands(program, host, ended);
  addSwitchCommand(program, host, ended);

  addGuestCommands(program, host, ended);
  addDebugCommands(program, host, ended);
  addMemoryCommand(program, host, ended);

  program
    .command('stop')
    .description('ask a running machine to shut down, and wait until it has')
    .argument('<name>', 'the machine')
    .option('--force', 'the guest may not refuse for the sake of unsaved work')
    .option('--timeout <duration>', 'how long it may take; 30s otherwise')
    .addHelpText('after', examples(['ringlet stop web', ''], ['ringlet stop web --timeout 5s', '']))
    .action(async (name: string, flags: StopFlags) => {
      const { stop } = await import('./stop.ts');
      ended(await stop(name, flags, host));
    });

  program
    .command('reboot')
    .description(
      'restart a running machine in place: its guest is asked, and starts again with the same disks and network',
    )
    .argument('<name>', 'the machine')
    .option('--force', 'reset it at once, without asking its guest')
    .option('--timeout <duration>', 'how long the guest may take; 60s otherwise')
    .addHelpText(
      'after',
      examples(
        ['ringlet reboot web', 'what it wrote to its disks stays'],
        ['ringlet reboot web --force', 'as a reset button: what the guest has not flushed is lost'],
      ),
    )
    .action(async (name: string, flags: RebootFlags) => {
      const { reboot } = await import('./reboot.ts');
      ended(await reboot(name, flags, host));
    });

  program
    .command('kill')
    .description('turn a running machine off without asking it')
    .argument('<name>', 'the machine')
    .addHelpText('after', examples(['ringlet kill web', '']))
    .action(async (name: string) => {
      const { kill } = await import('./stop.ts');
      ended(await kill(name, host));
    });

  const disk = program
    .command('disk')
    .description('make, describe and check disk images; add, remove and resize disks of a running machine');
  disk
    .command('create')
    .description('make an image, all zeroes or like its parent')
    .argument('<file>', 'where; .vhd and .vhdx choose the format, anything else is raw')
    .option('--size <size>', 'how large: 64M, 10G')
    .option('--format <format>', 'raw, vhd or vhdx')
    .option('--fixed', 'every block has its place from the start')
    .option('--parent <file>', 'the VHDX that a differencing VHDX builds on')
    .option('--sector-size <bytes>', 'logical sectors of a VHDX: 512 or 4096')
    .addHelpText(
      'after',
      examples(
        ['ringlet disk create data.vhdx --size 10G', 'grows as it is written to'],
        ['ringlet disk create child.vhdx --parent data.vhdx', 'holds only what differs'],
      ),
    )
    .action(async (file: string, flags: CreateFlags) => {
      const { create } = await import('./disk.ts');
      ended(create(file, flags, host));
    });
  disk
    .command('info')
    .description('say what an image is; changes nothing')
    .argument('<file>', 'the image')
    .option('--json', 'JSON, for programs')
    .addHelpText('after', examples(['ringlet disk info data.vhdx', '']))
    .action(async (file: string, flags: { json?: boolean }) => {
      const { info } = await import('./disk.ts');
      ended(await info(file, flags, host));
    });
  disk
    .command('check')
    .description('check the structures of an image, read all of it, and print the hash of its contents')
    .argument('<file>', 'the image')
    .addHelpText(
      'after',
      examples(['ringlet disk check data.vhdx', 'the hash is that of the same disk as a raw image']),
    )
    .action(async (file: string) => {
      const { check } = await import('./disk.ts');
      ended(await check(file, host));
    });
  addMachineDiskCommands(disk, host, ended);
  disk.addHelpText('after', examples(['ringlet disk create data.vhdx --size 10G', '']));

  program
    .command('pull')
    .description("make a kernel and an initial root file system out of a distribution's own packages")
    .argument(
      '<name>',
      'debian, debian-generic, debian-SUITE, debian-SUITE-generic; with -disk behind it as by --disk, with +PACKAGE,PACKAGE as by --with',
    )
    .option('--disk', 'with a root disk: a whole system that starts with systemd; takes a minute or more')
    .option('--with <packages>', 'with these packages and what they need, names with commas between them')
    .option('--in-guest', 'have a guest set up the packages of the disk, though this host could: takes minutes')
    .option('--suite <codename>', 'the suite; bookworm otherwise')
    .option('--kernel <kernel>', 'cloud (for virtual machines) or generic (everything)')
    .option('--mirror <url>', 'fetch from this archive; otherwise through apt where the host has it')
    .option('--keyring <file>', "keys for the mirror's signature, instead of Debian's")
    .option('--no-signatures', "do not check the mirror's signature")
    .option('--cache <dir>', 'where to keep it; $XDG_CACHE_HOME/ringlet otherwise')
    .option('--force', 'make it anew, though it is there')
    .option('--json', 'one JSON object a line on standard output, and nothing else')
    .addHelpText(
      'after',
      examples(
        ['ringlet pull debian', 'no root needed, nothing on the host is changed'],
        ['ringlet pull debian --kernel generic', ''],
        ['ringlet pull debian --disk', 'a whole system, for ringlet run debian-disk'],
        ['ringlet pull debian --with perl,openssl', 'with programs, for ringlet run debian+openssl,perl'],
        ['ringlet pull debian --mirror https://deb.debian.org/debian', 'on hosts without apt'],
      ),
    )
    .action(async (name: string, flags: PullFlags) => {
      const { pull } = await import('./pull.ts');
      ended(await pull(name, flags, host));
    });

  const images = program.command('images').description('list and remove what was pulled');
  images
    .command('ls')
    .description('list the images that were pulled')
    .option('--cache <dir>', 'where they are; $XDG_CACHE_HOME/ringlet otherwise')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', examples(['ringlet images ls', '']))
    .action(async (flags: { json?: boolean; cache?: string }) => {
      const { listPulled } = await import('./images.ts');
      ended(listPulled(flags, host));
    });
  images
    .command('rm')
    .description('remove images, and packages that only they were made from')
    .argument('<names...>', 'the images')
    .option('--cache <dir>', 'where they are; $XDG_CACHE_HOME/ringlet otherwise')
    .addHelpText('after', examples(['ringlet images rm debian', '']))
    .action(async (names: string[], flags: { cache?: string }) => {
      const { removePulled } = await import('./images.ts');
      ended(removePulled(names, flags, host));
    });
  images.addHelpText('after', examples(['ringlet images ls', '']));

  addDeviceCommands(program, host, ended);

  program
    .command('tour')
    .description('a guided tour: a few machines on a disk made for them, explained as they run')
    .addHelpText('after', examples(['ringlet tour', 'needs nothing, leaves nothing behind']))
    .action(async () => {
      const { tour } = await import('../tour/tour.ts');
      ended(await tour((text) => host.out(text), { colour: host.colour }));
    });

  program
    .command('schema')
    .description('print the JSON Schema of machine files')
    .option('--device <file>', 'with the options of this device file; may be repeated', collect)
    .addHelpText(
      'after',
      examples(
        ['ringlet schema > machine.schema.json', ''],
        ['ringlet schema --device frame-buffer.ts > machine.schema.json', 'its options are completed, too'],
      ),
    )
    .action(async (flags: { device?: string[] }) => {
      const { printSchema } = await import('./schema.ts');
      ended(await printSchema(flags.device ?? [], host));
    });

  program
    .command('explain')
    .description('say what an error code means, and what to do')
    .argument('[code]', 'the code; without one, all are listed')
    .addHelpText('after', examples(['ringlet explain disk-not-found', '']))
    .action(async (code: string | undefined) => {
      const { explain } = await import('./explain.ts');
      ended(explain(code, host));
    });

  return program;
}

function collect(value: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}
