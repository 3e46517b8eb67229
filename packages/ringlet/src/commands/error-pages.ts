/** Every stable error code: what it says, why it happens, what to try. `ringlet explain` and the guide print it. */

/** One page. */
export interface ErrorPage {
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

const page = (what: string, why: string, remedy: string): ErrorPage => ({ what, why, remedy });

/** Pages by code, in alphabetical order. */
export const ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'bad-ide-place': page(
    'no IDE disk can be there',
    'An IDE controller has channels 0 and 1, each with devices 0 and 1.',
    'Give channel and device as 0 or 1.',
  ),
  'bad-lun': page(
    'that is no place for a disk',
    'Path, target and LUN of a SCSI address are 0 to 255 each.',
    'Give each part as a number from 0 to 255.',
  ),
  'bad-max-transfer': page(
    'requests of that size are not possible',
    "The largest transfer is a multiple of 4096 bytes within the protocol's limits.",
    'Give a multiple of 4096.',
  ),
  'control-directory-locked': page(
    'another process holds the lock of the directory of control sockets',
    'Machines take the lock for a few milliseconds when they start. One that was stopped in between may have left it.',
    'Wait for other ringlets to start; if there are none, remove the file that the message names.',
  ),
  'control-directory-missing': page(
    'there is no directory in which a machine can open its control socket',
    'None of $XDG_RUNTIME_DIR/ringlet, ~/.ringlet/run and the temporary directory can be made or written.',
    'Set RINGLET_RUN_DIR to a directory that you can write.',
  ),
  'control-directory-unsafe': page(
    'the directory of control sockets belongs to somebody else, or is a link',
    'Whoever can write there could stand in for your machines, so no machine opens a socket in it.',
    'Remove it, or set RINGLET_RUN_DIR to another directory.',
  ),
  'control-socket-refused': page(
    'the machine could not open its control socket',
    'The directory cannot be written, or the file system has no sockets.',
    'Set RINGLET_RUN_DIR to a directory of yours on a local file system.',
  ),
  'cpus-invalid': page(
    'a machine cannot have that many processors',
    'A partition has 1 to 64 virtual processors.',
    'Give a number from 1 to 64.',
  ),
  'detach-failed': page(
    'the background process of --detach ended before its machine ran',
    'It was killed, or something went wrong before it could say what; its last words are in the message.',
    'Run the same command without --detach.',
  ),
  'device-name-invalid': page(
    'that cannot be the name of a device',
    'The name becomes file names and a class name.',
    'Use lower-case words joined by hyphens: ringlet new device frame-buffer',
  ),
  'device-not-found': page(
    'there is no device file at that path',
    '--device and "devices:" take the path of a TypeScript or JavaScript file with a VSP as its default export.',
    'Check the path. ringlet new device NAME writes a device to start from.',
  ),
  'disk-damaged': page(
    'the disk image contradicts itself',
    'A checksum, a table or a size in the image is wrong. The image was not changed.',
    'Restore the image from a copy, or let the tool that made it check it (qemu-img check).',
  ),
  'disk-exists': page(
    'a file with that name exists already',
    'A new image never replaces a file.',
    'Choose another name, or remove the file first.',
  ),
  'disk-invalid': page(
    'a disk cannot be made, or used, like that',
    'A size, a block size or a format does not fit what the image format allows.',
    'The message says what the limits are.',
  ),
  'disk-not-found': page(
    'there is no disk image at that path',
    'Paths on the command line start from the directory you are in, those in a machine file from the file.',
    'Check the path. ringlet disk create NAME.vhdx --size 1G makes an image.',
  ),
  'disk-option-invalid': page(
    'a --disk value says something that a disk cannot have',
    'The form is FILE[,keep][,ro][,format=F][,controller=N][,target=N][,lun=N].',
    'Check the words after the path. A comma inside the file name is written twice.',
  ),
  'disk-unreadable': page(
    'the disk image could not be read, or not be written',
    "The host's file system refused: permissions, a directory, a device that failed.",
    'Check with ls -l that you may read the file, and write it when "keep" is given.',
  ),
  'disk-unsupported': page(
    'the image uses something of its format that is not supported',
    'Image formats have optional features; an image with an unknown one cannot be used safely.',
    'Convert it: qemu-img convert -O vhdx IMAGE new.vhdx',
  ),
  'duplicate-device': page(
    'two devices of a machine have the same identifiers',
    'The guest tells devices apart by their instance GUID.',
    'Give each device its own instanceId, and name each device file once.',
  ),
  'duration-invalid': page(
    'that is not a duration',
    'A duration is a number with ms, s, m or h; a bare number is seconds.',
    'Write 500ms, 60s, 5m or 1h.',
  ),
  'error-code-unknown': page(
    'no error has that code',
    'Codes stand on the last line of an error.',
    'ringlet explain lists every code.',
  ),
  'examples-not-found': page(
    'the examples that the tour runs are not there',
    'They are part of the repository, not of the installed package.',
    'Run the tour in a clone of the repository: npm start',
  ),
  'file-exists': page(
    'a file that would be written is there already',
    'Nothing is ever overwritten; nothing was written.',
    'Choose another name or another directory.',
  ),
  'flag-conflict': page(
    'two of the flags exclude each other',
    'With both, one of them could not do what it says.',
    'Leave one of them out; the message says what each is for.',
  ),
  'flag-for-several': page(
    'a flag is meant for one machine, and the file has several',
    'It cannot be known which of them it is for.',
    'Write the setting into the file, under its machine.',
  ),
  'flag-invalid': page(
    'the value of a flag is not one that it takes',
    'The message names the flag and its limits.',
    'ringlet run --help shows every flag.',
  ),
  'guest-not-compiled': page(
    'the guest, or a device file, does not compile',
    'The file or something that it imports has a syntax error, or an import that leads nowhere.',
    'The message names the place. npx tsc --noEmit FILE shows more.',
  ),
  'guest-not-found': page(
    'there is no guest at that path',
    'ringlet run takes the path of a guest (.ts or .js) or of a machine file (.yaml).',
    'Check the path; it starts from the directory you are in.',
  ),
  internal: page(
    'a mistake in ringlet itself',
    'A rule that no guest and no user can break was broken.',
    'Run it again with RINGLET_DEBUG=1 for the stack, and report both.',
  ),
  'lun-taken': page(
    'two disks have the same address',
    'A controller finds a disk by its path, target and LUN.',
    'Give each disk a LUN of its own, or none: then the next free one is used.',
  ),
  'machine-file-invalid': page(
    'the machine file has a setting that is unknown, missing or out of range',
    'Each line of the message names file, line and column, the path of the setting and what was expected.',
    'ringlet schema prints every setting; editors complete from docs/machine.schema.json.',
  ),
  'machine-file-syntax': page(
    'the machine file is not well-formed YAML',
    'Usually the indentation, a tab, an unclosed quote or bracket, or a key that stands twice.',
    'Look at the line and column that the message names.',
  ),
  'machine-file-too-large': page(
    'the machine file is larger than any machine needs',
    'Probably the path is that of another file.',
    'Check the path.',
  ),
  'machine-file-unreadable': page(
    'the machine file cannot be read',
    'It is not there, or you may not read it.',
    'Check the path; it starts from the directory you are in.',
  ),
  'machine-gone': page(
    'the machine ended before it answered',
    'It shut down, crashed or was turned off while the command waited.',
    'ringlet ls shows the machines that run.',
  ),
  'machine-not-chosen': page(
    'a machine must be named',
    'Without a name the only running machine is meant; there is none, or more than one.',
    'ringlet ls shows their names.',
  ),
  'machine-not-found': page(
    'no running machine has that name',
    'It ended, it was never started, or it belongs to another user or another RINGLET_RUN_DIR.',
    'ringlet ls shows the machines that run.',
  ),
  'machine-refused': page(
    'the machine refused what it was asked',
    'The machine may be run by another version of ringlet, which lacks the method.',
    'Compare ringlet --version with the version in ringlet ls --json.',
  ),
  'machine-silent': page(
    'the machine did not answer in time',
    'Its process is stopped, or very busy.',
    'Try again; ringlet kill NAME turns it off without asking.',
  ),
  'machine-started': page(
    'the machine was started already',
    'A machine runs once: start() may be called once.',
    'Make a new Machine with the same options.',
  ),
  'memory-invalid': page(
    'a machine cannot have that much memory',
    'Memory is a multiple of 4096 bytes, from 1 MiB to 4 GiB.',
    'Write a size such as 64M or 1G.',
  ),
  'memory-too-large': page(
    'the partitions together need more memory than there is',
    'Guest memory comes from nodes of at most 4 GiB.',
    'Give the machines less, or run fewer at once.',
  ),
  'memory-unavailable': page(
    'the host has no memory left for the machine',
    'The process could not reserve as much address space.',
    'Give the machine less memory, or free some on the host.',
  ),
  'name-invalid': page(
    "that cannot be a machine's name",
    'The name is also the name of its control socket.',
    'Use letters, digits, ".", "_" and "-", at most 63, starting with a letter or digit.',
  ),
  'name-taken': page(
    'a running machine has that name already',
    'Names tell running machines apart.',
    'Choose another with --name, or end that machine: ringlet stop NAME',
  ),
  'no-such-lun': page(
    'there is no disk at that address',
    'It was never there, or it was removed.',
    'ringlet inspect NAME shows the disks of each controller.',
  ),
  'no-such-path': page(
    'there is nothing at that path of the machine',
    'Parts come and go with devices and channels.',
    'ringlet inspect NAME shows the whole tree.',
  ),
  'not-a-drive': page(
    'the disk there cannot be changed',
    'Only a DVD drive takes another disc while the machine runs.',
    'Remove the disk and add another in its place.',
  ),
  'offer-mmio': page(
    'a device asks for more MMIO space than an offer can name',
    'The field is a number of MiB below 65536.',
    'Ask for less in the mmioMegabytes of its offer.',
  ),
  'offer-too-long': page(
    'a device has more user-defined bytes than an offer can carry',
    'An offer carries at most 120 bytes of its own, fewer for pipes.',
    'Shorten userDefined, or send the rest as a packet.',
  ),
  'restored-device-differs': page(
    'a device is not offered as it was when the state was saved',
    'A saved state fits the machine that it was saved from.',
    'Start the machine with the same devices, then restore.',
  ),
  'restored-machine-differs': page(
    'the machine is not the one whose state was saved',
    'Processors or memory that the saved bus refers to do not exist.',
    'Start the machine with the same options, then restore.',
  ),
  'shutdown-late': page(
    'the guest was asked to shut down and was not off in time',
    'It may still be on its way, or it may wait for something.',
    'Look again with ringlet ls; ringlet kill NAME turns it off without waiting.',
  ),
  'shutdown-not-ready': page(
    'the guest cannot be asked to shut down',
    'It has not opened the shutdown integration component, or has closed it again.',
    'Try again once it has booted, or turn it off: ringlet kill NAME',
  ),
  'size-invalid': page(
    'that is not a size',
    'A size is bytes, or a number with K, M, G or T; the units are powers of 1024.',
    'Write 512K, 64M or 2G.',
  ),
  'too-many-devices': page(
    'the machine has more devices than its bus can offer',
    'The number of channels of a bus is bounded.',
    'Run the machine with fewer devices.',
  ),
  'too-many-luns': page(
    'a storage controller has more disks than it can serve',
    'The number of disks of one controller is bounded.',
    'Put some of them on another controller: --disk FILE,controller=1',
  ),
  'too-many-machines': page(
    'no more machines fit into this process',
    'The number of partitions of one microkernel is bounded.',
    'Dispose of machines that have ended, or run some in another process.',
  ),
  usage: page(
    'the command line was not understood',
    'A command, a flag or an argument is unknown or missing.',
    'ringlet --help, or ringlet COMMAND --help',
  ),
};
