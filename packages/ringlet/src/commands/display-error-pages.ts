/** Error codes of screens, keyboards and mice. */
import { type ErrorPage, page } from './error-page.ts';

/** Pages by code, in alphabetical order. */
export const DISPLAY_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'display-absent': page(
    'the machine has no screen, keyboard and mouse',
    'It was started with --display none, or display: none in its file.',
    'Start it without that setting.',
  ),
  'display-invalid': page(
    'a machine cannot have that screen',
    'A screen has from 640x480 to 3840x2160 pixels, each side within those of the two.',
    'Write WIDTHxHEIGHT, such as 1280x1024, or none.',
  ),
  'display-off': page(
    'the guest shows no picture',
    'It has no driver for its video card yet, or has switched its output off.',
    'Wait until it has booted. In Linux the driver is hyperv_fb or hyperv_drm: modprobe loads it.',
  ),
  'display-part-empty': page(
    'nothing of the screen is in the part that was asked for',
    'The part is empty, or lies beside the screen.',
    'Ask for a part of what display.mode$ says; the upper left corner is 0, 0.',
  ),
  'display-too-large': page(
    'the video card has no memory for that resolution',
    'How much it has is settled when the machine starts: 8 MiB, or what --display needs.',
    'Start the machine with that resolution: --display WIDTHxHEIGHT',
  ),
  'file-unwritable': page(
    'the file cannot be written',
    'Its directory does not exist, or may not be written to.',
    'Check the path and its permissions.',
  ),
  'key-unknown': page(
    'no key has that name',
    'Keys are letters, digits, signs and names such as enter, f2, pageup; the keys of a chord are joined by "-".',
    'ringlet type NAME --keys lists every name in the hint of this error when none is near.',
  ),
  'keyboard-full': page(
    'the guest does not take what its keyboard sends',
    'Tens of thousands of keys wait: its driver has stopped reading.',
    'Look whether the guest still runs: ringlet console NAME, ringlet screenshot NAME FILE',
  ),
  'keyboard-not-ready': page(
    'the guest has no driver for its keyboard',
    'It has not booted that far, or has closed the keyboard.',
    'Wait, and try again. In Linux the driver is hyperv_keyboard.',
  ),
  'machine-not-running': page(
    'the machine does not run',
    'It was not started, or has ended.',
    'Wait for start(), and ask before the end.',
  ),
  'mouse-action-invalid': page(
    'that is nothing a mouse can do',
    'Actions are move X Y, click, press and release with a button or none, and scroll NOTCHES.',
    'ringlet mouse --help has examples.',
  ),
  'mouse-full': page(
    'the guest does not take what its mouse sends',
    'Hundreds of clicks wait: its driver has stopped reading.',
    'Look whether the guest still runs: ringlet console NAME, ringlet screenshot NAME FILE',
  ),
  'mouse-not-ready': page(
    'the guest has no driver for its mouse',
    'It has not booted that far, or has closed the mouse.',
    'Wait, and try again. In Linux the driver is hid_hyperv.',
  ),
  'text-untypable': page(
    'no key types some of the text',
    'The keyboard has the US layout. Nothing of the text was typed.',
    'Leave those characters out. --unicode sends them as characters, which Windows takes and Linux does not.',
  ),
  'view-address-refused': page(
    'viewers cannot be let in there',
    'The port belongs to another program or needs privileges, or the path of the socket is taken or may not be written to.',
    'Choose another: ringlet view NAME --port 8080, --vnc 5902. Without --port any free one is taken.',
  ),
  'view-elsewhere': page(
    'viewers connect somewhere else already',
    'A machine has one page and one VNC address at a time.',
    'Look there: ringlet view NAME says where. Or close both first: ringlet view NAME --off',
  ),
};
