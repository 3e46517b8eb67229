/** Standard streams of this process, as bytes. */
import process from 'node:process';
import type { StandardStreams } from '../commands/host.ts';

/** The streams; each is opened when it is first used. */
export const streams: StandardStreams = {
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
  size() {
    const { rows, columns, isTTY } = process.stdout;
    return isTTY ? { rows, columns } : undefined;
  },
  onResize(handler) {
    process.stdout.on('resize', handler);
    return () => void process.stdout.off('resize', handler);
  },
};
