/** Error codes of what is asked of a running guest: sockets, commands, and the integration components. */
import { type ErrorPage, page } from './error-page.ts';

/** Pages by code, in alphabetical order. */
export const GUEST_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'exec-failed': page(
    'the guest cannot run that command',
    'There is no such program along its PATH, or it may not be run; the message has the reason of the guest.',
    'For shell syntax give it to a shell: ringlet exec NAME -- sh -c "…"',
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
  'key-value-not-ready': page(
    'nobody in the guest answers for key-value exchange',
    'A Linux guest answers once its hv_kvp_daemon runs; until then its driver does not even agree on a version.',
    'Install hyperv-daemons in the guest, or start hv_kvp_daemon.',
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
