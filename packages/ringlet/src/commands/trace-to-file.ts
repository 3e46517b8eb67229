/** `--trace FILE` of `ringlet run`: everything that a machine does, from its first instruction on, in a capture file. */
import type { Controllable } from '../control/controllable.ts';
import { TraceCapture } from '../trace/trace-capture.ts';
import type { CommandHost } from './host.ts';

/**
 * Begins to trace a machine that was not started yet.
 *
 * @param snapBytes - of each frame that are kept, at most; all when absent
 * @returns finishes the file, once the machine has ended. Rejects with UserError `network-capture-refused`
 */
export async function traceToFile(
  machine: Controllable,
  path: string,
  host: CommandHost,
  snapBytes?: number,
): Promise<() => Promise<void>> {
  const { tracing } = machine;
  const capture = new TraceCapture(path, tracing.epochMs, snapBytes);
  await capture.ready;
  if (snapBytes !== undefined) tracing.recorder.snap(snapBytes);
  const writing = tracing.records().subscribe((record) => capture.write(record));
  return async () => {
    writing.unsubscribe();
    await capture.close();
    const { dropped } = tracing.recorder;
    const lost = dropped + capture.dropped;
    host.err(`ringlet: ${capture.packets} packets in ${path}${lost === 0 ? '' : `; ${lost} did not fit`}\n`);
  };
}
