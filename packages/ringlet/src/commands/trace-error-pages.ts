/** Error codes of traces. */
import { type ErrorPage, page } from './error-page.ts';

/** Pages by code, in alphabetical order. */
export const TRACE_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'device-without-protocol': page(
    'the device file declares no protocol',
    'A dissector is made from what a device declares of its packets, and this one declares nothing.',
    'Export the declaration: export const Protocol = protocol({ … }), and give the device `readonly protocol = Protocol`.',
  ),
  'snap-length-invalid': page(
    'the snap length of a trace is no number',
    'It is how many bytes of each frame are kept: a whole number, 0 for all of them.',
    'Such as: ringlet trace -w FILE --snaplen 96',
  ),
  'trace-filter-invalid': page(
    'the filter of a trace cannot be read',
    'It is made of comparisons (field=value, !=, <, <=, >, >=, ~ for "contains") joined by && and ||, with ! and parentheses.',
    'Look at the column that the message points at. Such as: device=storage && opcode=READ_10',
  ),
};
