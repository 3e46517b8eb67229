/** Error codes of networks. */
import { type ErrorPage, page } from './error-page.ts';

/** Pages by code, in alphabetical order. */
export const NETWORK_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'network-capture-refused': page(
    'a capture file cannot be written',
    'Its directory is not there or not yours, or something else has its name.',
    'Choose another file.',
  ),
  'network-helper-failed': page(
    'a program that carries frames for a network has ended',
    'passt and socat run beside the machine and carry its frames; its last words are in the message.',
    'Do what they say, or use the network nat, which needs no other program.',
  ),
  'network-helper-missing': page(
    'a program that a network needs is not there',
    'The network passt needs passt, the network tap needs socat, which can attach to a TAP where Node cannot.',
    'Install it (Debian: apt install passt, apt install socat), or use the network nat, which needs no other program.',
  ),
  'network-invalid': page(
    'no network can be like that',
    'A subnet, an address, a port, an MTU or a VLAN is outside its limits, or two settings contradict each other.',
    'The message says what the limits are.',
  ),
  'network-port-refused': page(
    'the host does not allow to listen at an address',
    'Ports below 1024 need privileges, and the address must be one of the host itself.',
    'Forward a port above 1023, at 127.0.0.1 or 0.0.0.0.',
  ),
  'network-port-taken': page(
    'another program listens at the port that is to be forwarded',
    'A port of the host leads to one place at a time.',
    'Forward another port of the host: --forward 2223:22',
  ),
  'network-socket-refused': page(
    'a socket that carries frames cannot be used',
    'Nobody listens there, somebody else does, or its directory cannot be entered.',
    'Start the switch or the program that listens there first.',
  ),
  'network-tap-refused': page(
    'the machine may not attach to a TAP interface',
    'Only root can make one, or let another user attach to it; and there are none on hosts other than Linux.',
    'As root: ip tuntap add dev tap0 mode tap user NAME, then ip link set tap0 up.',
  ),
};
