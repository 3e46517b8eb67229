/** The commands about disks of running machines: their options and help. */
import type { Command } from 'commander';
import type { CommandHost } from './host.ts';
import { examples } from './help-examples.ts';

const DISK = 'where it hangs (CONTROLLER:TARGET:UNIT, or UNIT), or the path of its image';

/** Adds them to `ringlet disk`. `ended` receives the exit code of the one that ran. */
export function addMachineDiskCommands(disk: Command, host: CommandHost, ended: (code: number) => void): void {
  disk
    .command('ls')
    .description('list the disks of a running machine')
    .argument('<name>', 'the machine')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', examples(['ringlet disk ls web', '']))
    .action(async (name: string, flags: { json?: boolean }) => {
      const { listDisks } = await import('./machine-disks.ts');
      ended(await listDisks(name, flags, host));
    });
  disk
    .command('attach')
    .description('give a running machine another disk')
    .argument('<name>', 'the machine')
    .argument('<file[,keep][,ro][,format=F]>', 'a disk image, as for run --disk. Changes vanish unless "keep"')
    .option('--json', 'say as JSON where it hangs')
    .addHelpText(
      'after',
      examples(
        ['ringlet disk attach web data.vhdx,keep', 'the guest finds it by itself'],
        ['ringlet disk attach web tools.iso,lun=7', 'a drive with a disc'],
      ),
    )
    .action(async (name: string, file: string, flags: { json?: boolean }) => {
      const { attachDisk } = await import('./machine-disks.ts');
      ended(await attachDisk(name, file, flags, host));
    });
  disk
    .command('detach')
    .description('take a disk from a running machine, whether or not its guest uses it')
    .argument('<name>', 'the machine')
    .argument('<disk>', DISK)
    .addHelpText('after', examples(['ringlet disk detach web data.vhdx', ''], ['ringlet disk detach web 0:0:1', '']))
    .action(async (name: string, file: string) => {
      const { detachDisk } = await import('./machine-disks.ts');
      ended(await detachDisk(name, file, host));
    });
  disk
    .command('resize')
    .description('give a disk of a running machine another size')
    .argument('<name>', 'the machine')
    .argument('<disk>', DISK)
    .argument('<size>', 'such as 20G')
    .addHelpText(
      'after',
      examples([
        'ringlet disk resize web data.raw 20G',
        'Linux sees it when it next uses the disk, or is told to look',
      ]),
    )
    .action(async (name: string, file: string, size: string) => {
      const { resizeDisk } = await import('./machine-disks.ts');
      ended(await resizeDisk(name, file, size, host));
    });
}
