/** Every stable error code: what it says, why it happens, what to try. `ringlet explain` and the guide print it. */
import { CATALOGUE_ERROR_PAGES } from './catalogue-error-pages.ts';
import { DEBUG_ERROR_PAGES } from './debug-error-pages.ts';
import { DISK_ERROR_PAGES } from './disk-error-pages.ts';
import { type ErrorPage, page } from './error-page.ts';
import { GUEST_ERROR_PAGES } from './guest-error-pages.ts';
import { KERNEL_ERROR_PAGES } from './kernel-error-pages.ts';
import { DISPLAY_ERROR_PAGES } from './display-error-pages.ts';
import { MACHINE_ERROR_PAGES } from './machine-error-pages.ts';
import { NETWORK_ERROR_PAGES } from './network-error-pages.ts';
import { REPLAY_ERROR_PAGES } from './replay-error-pages.ts';
import { TRACE_ERROR_PAGES } from './trace-error-pages.ts';

const COMMAND_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
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
  'disk-option-invalid': page(
    'a --disk value says something that a disk cannot have',
    'The form is FILE[,keep][,ro][,format=F][,controller=N][,target=N][,lun=N][,iops=N][,bandwidth=SIZE].',
    'Check the words after the path. A comma inside the file name is written twice.',
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
    'They are part of the repository, and of the installed package: something has removed them.',
    'Install ringlet anew, or run the tour in a clone of the repository: npm start',
  ),
  'file-exists': page(
    'a file that would be written is there already',
    'Nothing is ever overwritten; nothing was written.',
    'Choose another name or another directory.',
  ),
  'flag-conflict': page(
    'two of the flags exclude each other, or one lacks what it goes with',
    'With both, one of them could not do what it says; --initrd and --append are for kernels, words after -- are not.',
    'Leave one of them out, or add what is missing; the message says what each is for.',
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
  'guest-not-found': page(
    'there is no guest at that path',
    'ringlet run takes the path of a guest (.ts or .js) or of a machine file (.yaml), or the name of an image.',
    'Check the path; it starts from the directory you are in. A kernel of your own: ringlet run --kernel FILE',
  ),
  internal: page(
    'a mistake in ringlet itself',
    'A rule that no guest and no user can break was broken.',
    'Run it again with RINGLET_DEBUG=1 for the stack, and report both.',
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
  'size-invalid': page(
    'that is not a size',
    'A size is bytes, or a number with K, M, G or T; the units are powers of 1024.',
    'Write 512K, 64M or 2G.',
  ),
  usage: page(
    'the command line was not understood',
    'A command, a flag or an argument is unknown or missing.',
    'ringlet --help, or ringlet COMMAND --help',
  ),
};

/** Pages by code, in alphabetical order. */
export const ERROR_PAGES: Readonly<Record<string, ErrorPage>> = Object.fromEntries(
  Object.entries({
    ...COMMAND_ERROR_PAGES,
    ...MACHINE_ERROR_PAGES,
    ...NETWORK_ERROR_PAGES,
    ...TRACE_ERROR_PAGES,
    ...GUEST_ERROR_PAGES,
    ...KERNEL_ERROR_PAGES,
    ...DISK_ERROR_PAGES,
    ...CATALOGUE_ERROR_PAGES,
    ...DISPLAY_ERROR_PAGES,
    ...REPLAY_ERROR_PAGES,
    ...DEBUG_ERROR_PAGES,
  }).toSorted(([a], [b]) => a.localeCompare(b)),
);
