/** Error codes of what is asked of a running guest: sockets, commands, and the integration components. */
import { type ErrorPage, page } from './error-page.ts';

/** Pages by code, in alphabetical order. */
export const GUEST_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'backup-not-frozen': page(
    'the guest cannot be made to hold still for a backup',
    'A Linux guest does so by its hv_vss_daemon. Or it went on, or was turned off, before the copy was whole.',
    'Start hv_vss_daemon in the guest (package hyperv-daemons), or copy as a power cut would leave it: --live',
  ),
  'copy-closed': page(
    'the guest closed the file copy component while a file was copied',
    'It is shutting down, or its driver was unloaded.',
    'Try again when it runs.',
  ),
  'copy-disk-full': page(
    'the disk of the guest is full',
    'What was written of the file is left there.',
    'Make room in the guest.',
  ),
  'copy-exists': page('the guest has such a file', 'Nothing is replaced unless it is asked for.', 'Add --force.'),
  'copy-name-too-long': page(
    'a name or directory is too long for the protocol',
    'Each has at most 259 characters.',
    'Choose a shorter one.',
  ),
  'copy-not-ready': page(
    'the guest cannot be given files yet',
    'It has no driver for the file copy component, or is still booting.',
    'Wait; ringlet ls shows its heartbeat.',
  ),
  'copy-refused': page(
    'the guest did not take the file',
    'A Linux guest writes files by its hv_fcopy_daemon: it does not run, or could not write there.',
    'Start it (package hyperv-daemons), or use ringlet exec NAME -- sh -c "cat > FILE" < FILE',
  ),
  'copy-timeout': page('the guest did not answer in time', 'It is very busy, or its daemon hangs.', 'Try again.'),
  'copy-too-many': page('too many copies wait for their turn', 'Sixteen can wait.', 'Try again when some are done.'),
  'copy-unreadable': page(
    'the file could not be read to its end',
    'It was changed or removed while it was copied.',
    'Try again.',
  ),
  'exec-failed': page(
    'the guest cannot run that command',
    'There is no such program along its PATH, or it may not be run; the message has the reason of the guest.',
    'For shell syntax give it to a shell: ringlet exec NAME -- sh -c "…"',
  ),
  'file-unreadable': page(
    'a file that is to be copied cannot be read',
    'It is not there, is a directory, or may not be read.',
    'Check the path.',
  ),
  'guest-gone': page(
    'the connection to a command in the guest broke',
    'The guest ended or crashed, or its agent was ended.',
    'ringlet ls shows whether the machine still runs; ringlet console NAME shows what it said last.',
  ),
  'guest-not-listening': page(
    'no program in the guest listens there',
    'The guest is still booting, has no driver for sockets (hv_sock), or nothing listens at that port.',
    'Wait longer with --wait. ringlet exec needs the agent, which the images of ringlet pull have.',
  ),
  'key-value-closed': page(
    'the guest closed key-value exchange before it answered',
    'It is shutting down, or its driver was unloaded.',
    'Ask again once the guest runs: ringlet ls shows its heartbeat.',
  ),
  'key-value-malformed': page(
    'the guest answered for key-value exchange with something that cannot be read',
    'The answer is too short, or names a type of value that there is not.',
    'Look at what ringlet inspect NAME guestErrors counts, and at hv_kvp_daemon in the guest.',
  ),
  'key-value-not-ready': page(
    'nobody in the guest answers for key-value exchange',
    'A Linux guest answers once its hv_kvp_daemon runs; until then its driver does not even agree on a version.',
    'Install hyperv-daemons in the guest, or start hv_kvp_daemon.',
  ),
  'key-value-refused': page(
    'the guest refused what it was asked by key-value exchange',
    'There is no such key in that pool, or its daemon cannot write its files.',
    'ringlet keys NAME lists what there is; look at /var/lib/hyperv in a Linux guest.',
  ),
  'key-value-timeout': page(
    'the guest did not answer by key-value exchange in time',
    'Its daemon is stopped, or the guest is very busy.',
    'Try again; in a Linux guest see whether hv_kvp_daemon runs.',
  ),
  'key-value-too-many': page(
    'too many questions to the guest wait already',
    'One is asked at a time, and no more than 64 may wait.',
    'Wait for the answers to those before.',
  ),
  'output-too-long': page(
    'a command in the guest wrote more than was to be kept',
    'machine.exec keeps all output in memory.',
    'Raise mostOutput, or let the guest write to a file.',
  ),
  'sockets-directory-unusable': page(
    'the directory for sockets between host and guest cannot be used',
    'It cannot be made or written, or its path is too long for the sockets in it: 86 bytes are left for it.',
    'Name a shorter one, or set RINGLET_RUN_DIR to a short path of yours.',
  ),
  'sockets-none': page(
    'the machine was made without sockets between host and guest',
    'A program that makes a machine decides where they are; machines in lockstep have none.',
    'new Machine({ sockets: directory, … })',
  ),
};
