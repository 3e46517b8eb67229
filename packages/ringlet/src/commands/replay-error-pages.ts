/** Error codes of recordings and replays. */
import { type ErrorPage, page } from './error-page.ts';

/** Pages by code, in alphabetical order. */
export const REPLAY_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'address-not-mapped': page(
    'nothing can be read at that address',
    'A linear address has to be mapped in the page tables that the processor uses at this point; a guest-physical one has to be memory.',
    'Take another address or another processor, or go to a point at which it is mapped.',
  ),
  'no-such-processor': page(
    'there is no processor of that number to look at',
    'Processors are counted from 0. Guest modules run on processors without registers.',
    'Give a number that the machine has.',
  ),
  'point-invalid': page(
    'that is no point of the recorded run',
    'Points are times (1.5s, 20ms), steps (#1234), counts of instructions (1000000i), inputs (input 3), start and end.',
    'Write one of these that lies before the end of the recording.',
  ),
  'recording-damaged': page(
    'the file is no recording, or a damaged one',
    'Every part of a recording has a checksum and a place in an order; a file that merely breaks off is good up to there.',
    'Use another copy of it, or record again with --record.',
  ),
  'recording-file-unreadable': page(
    'a file that the machine needs cannot be read to its end',
    'A recording holds the SHA-256 of every kernel, image and module, so that a replay can tell whether they are the same.',
    'Check that the file is there and readable.',
  ),
  'recording-format': page(
    'the recording has a format that this version does not read',
    'The number stands at byte 8 of the file. Formats are not converted: another version of Ringlet takes other steps anyway.',
    'Replay it with the version of Ringlet that recorded it.',
  ),
  'recording-full': page(
    'the recording has reached its largest size, 4 GiB, or 256 MiB of what came in, and breaks off',
    'The machine goes on without it. What is in it can be replayed.',
    'Record a shorter run.',
  ),
  'recording-impossible': page(
    'what is asked for cannot be recorded',
    'Only runs in lockstep can be repeated, and only what stays the same: no disk with "keep", no backup.',
    'Leave it out, or run without --record; the message says what it is.',
  ),
  'recording-input-too-large': page(
    'more came in at once than one entry of a recording holds, 4 MiB',
    'The recording breaks off before it; the machine goes on.',
    'Give it in pieces.',
  ),
  'recording-not-found': page(
    'there is no recording at that path',
    '--replay and ringlet replay take a file that --record has written.',
    'Check the path; it starts from the directory you are in.',
  ),
  'recording-unwritable': page(
    'the recording cannot be written',
    'The directory is not there, cannot be written, or the disk is full. A recording that was begun breaks off; the machine goes on.',
    'Name a file in a directory that you can write, with room on its disk.',
  ),
  'replay-diverged': page(
    'the replay is not what was recorded',
    'Digests of every processor’s registers stand in the recording, one for each 16 steps; this is the first that differs. Something reached the guest that no recording holds: a guest module or device file that asks the host for its time or for random numbers, or a mistake in Ringlet.',
    'Look at what ran there: the message names the time, the processor and where it was. Report it when only kernels and disks are involved.',
  ),
  'replay-interrupted': page(
    'a replay was stopped on its way to a point',
    'Ctrl-C, or the time of --timeout had passed. Going back runs from the last checkpoint before, or from the start.',
    'Go on from where it stands; record a kernel with --checkpoint-every to go back faster.',
  ),
  'replay-file-differs': page(
    'a file is not the one that was recorded with',
    'Kernels, images and modules are not in the recording, only their SHA-256: with other files it would be another run.',
    'Put the file back, at the same path, as it was then.',
  ),
  'replay-input': page(
    'nothing may come into a replay from outside',
    'All that came in is in the recording, and comes again at its time. Keys, disks and requests would make another run of it.',
    'Look at it with inspect, screenshot and console; they change nothing.',
  ),
  'replay-over': page('the replay is over', 'It was left, or the machine ended.', 'Open the recording again.'),
  'replay-options': page(
    'a replay is given an option that is in the recording, with another value',
    'What the machine is made of was recorded.',
    'Leave the option out.',
  ),
  'replay-version': page(
    'the recording was made by another version of Ringlet',
    'Another version takes other steps: a processor that counts differently, a device that answers sooner.',
    'Replay it with that version; its number is in the message.',
  ),
  'text-not-printed': page(
    'the guest does not print that text there',
    'until looks at what is printed after the point where it stands, last at what was printed before. Case counts.',
    'Go to another point first, or look with console at what is printed.',
  ),
};
