/** The loop of a virtual processor, whichever its kind: its doorbell, its deadlines, its share of the host's processors. */
import { RUN_TIME_WINDOW, type Vp } from '@ringlet/microkernel';
import type { HostClock } from '../host/clock.ts';
import { AwakeThreads } from './awake-threads.ts';
import { DoorbellLoop, type DoorbellWork } from './doorbell-loop.ts';
import type { VirtualProcessorStart } from './messages.ts';

const TICKS_PER_MILLISECOND = 10_000;

/** @param work - what the kind of processor does; when it is due and how long it may run is the VP's affair */
export function loopOfProcessor(
  start: VirtualProcessorStart,
  vp: Vp,
  clock: HostClock,
  work: Pick<DoorbellWork, 'poll' | 'peek'> & { readonly held?: boolean },
): DoorbellLoop {
  const stop = new Int32Array(start.stop);
  const loop = new DoorbellLoop(
    vp.doorbell,
    {
      // What it must rest would be known too late.
      punctual: vp.capped,
      peek: () => work.peek(),
      poll(stayAwake) {
        // A word, as a busy processor looks at messages far less often.
        if (Atomics.load(stop, 0) === 0) return work.poll(stayAwake);
        loop.stop();
        return false;
      },
      // What a debugger holds waits for nothing but the debugger.
      untilDeadline: () => (work.held === true ? Infinity : (vp.nextDeadline() - clock.now()) / TICKS_PER_MILLISECOND),
      awakeFor(milliseconds) {
        vp.accountRunTime(milliseconds * TICKS_PER_MILLISECOND);
        if (vp.runAllowance() > 0) return 0;
        return (RUN_TIME_WINDOW - (clock.now() % RUN_TIME_WINDOW)) / TICKS_PER_MILLISECOND;
      },
    },
    new AwakeThreads(start.system.awake, start.awake),
  );
  return loop;
}
