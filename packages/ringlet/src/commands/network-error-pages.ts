/** Error codes of networks. */
import { type ErrorPage, page } from './error-page.ts';

/** Pages by code, in alphabetical order. */
export const NETWORK_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'bad-mac': page(
    'a network adapter of the library cannot have that address',
    'It is not six bytes long, all zeroes, or a group’s: its first byte is odd.',
    'Give six bytes whose first is even, such as 02:52:6c:00:00:01.',
  ),
  'bad-mtu': page(
    'a network adapter of the library cannot have that MTU',
    'The smallest packet that every network takes has 576 bytes, the largest here 9000.',
    'Give one between.',
  ),
  'bad-subchannels': page(
    'a network adapter of the library cannot have that many subchannels',
    'The protocol has room for 64 channels.',
    'Give 0 to 63.',
  ),
  'mac-invalid': page(
    'that cannot be the address of a network adapter',
    'An address has six bytes in hexadecimal digits. Those whose first byte is odd are addresses of groups.',
    'Write it like 02:52:6c:00:00:01, or leave it out: one is made from the machine’s name.',
  ),
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
  'network-lockstep': page(
    'a network in lockstep, without a recording',
    'A network has a clock of its own, and says what it likes: only a recording of it can be repeated.',
    'Add --record FILE, or leave out --lockstep, or the network.',
  ),
  'network-option-invalid': page(
    'a network that --net or --forward cannot mean',
    'A kind or an option is misspelt, belongs to another kind of network, or has a value of the wrong form.',
    'ringlet run --help has examples; the guide has a page on networks.',
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
  'no-such-nic': page(
    'the machine has no such network adapter',
    'Adapters are counted from 0, in the order in which they were given; a machine without --net has none.',
    'ringlet inspect NAME network shows them.',
  ),
  'too-many-nics': page(
    'a machine cannot have that many network adapters',
    'It may have eight.',
    'Use VLANs, or several machines.',
  ),
  'no-such-switch': page(
    'no switch has that name',
    'It has not been started, or has ended.',
    'ringlet switch NAME starts one; a machine with --net switch=NAME does so by itself.',
  ),
  'switch-address-taken': page(
    'two machines on a switch have the same address',
    'An address is made from the machine’s name: two of the same name have the same one, and neither could be told from the other.',
    'Start one of them with another --name, or with an address of its own: --net switch=NAME,mac=02:00:00:00:00:07.',
  ),
  'switch-name-invalid': page(
    'that cannot be the name of a switch',
    'The name becomes a file name.',
    'Letters, digits, ".", "_" and "-", at most 63, beginning with a letter or digit.',
  ),
  'switch-not-started': page(
    'a switch that a machine is plugged into could not be started',
    'A machine starts the switch that it names when there is none; that process ended, or took too long.',
    'Run it by hand to see why: ringlet switch NAME',
  ),
  'switch-taken': page(
    'a switch with that name is running already',
    'The name of a switch leads to one place.',
    'Plug machines into that one, or choose another name.',
  ),
};
