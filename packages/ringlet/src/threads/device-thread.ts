/** The device thread of one machine: its VMBus, VSPs and disks, driven by the doorbell of a root virtual processor. */
import { parentPort, workerData } from 'node:worker_threads';
import { TraceWriter } from '@ringlet/microkernel';
import { DeviceHost } from '@ringlet/root-partition';
import { HostClock } from '../host/clock.ts';
import { importDevice, loadedDevice } from '../machine/load-device.ts';
import { attach, ROOT_PARTITION, rootSynicPages } from '../machine/system.ts';
import { AwakeThreads } from './awake-threads.ts';
import { DoorbellLoop } from './doorbell-loop.ts';
import type { DeviceThreadStart, FromDeviceThread, ToDeviceThread } from './messages.ts';
import { postError } from './posted-error.ts';

const TICKS_PER_MILLISECOND = 10_000;

/**
 * Puts the machine's devices on its bus and serves them. Called once, by the bundle that the thread runs.
 *
 * @param modules - what the device files export by default, in the order of {@link DeviceThreadStart.devices}
 */
export function startDeviceThread(modules: readonly unknown[]): void {
  const { system, node, awake, trace: ring, description, devices } = workerData as DeviceThreadStart;
  const port = parentPort!;
  const tell = (message: FromDeviceThread) => port.postMessage(message);
  const clock = new HostClock(system.epoch);
  const trace = new TraceWriter(clock, ring);
  const kernel = attach(system, node, { trace });
  const vp = kernel.vp(ROOT_PARTITION, description.rootVp);

  let loop: DoorbellLoop | undefined;
  let host: DeviceHost;
  try {
    host = new DeviceHost({
      kernel,
      clock,
      trace,
      synicPages: rootSynicPages(description.rootVp),
      description,
      devices: devices.map((part, i) => loadedDevice(part, modules[i])),
      load: ({ index, url }) => importDevice(devices[index]!, url),
      report: (event) => tell({ type: 'event', event }),
      wake: () => loop?.wake(),
    });
  } catch (error) {
    return tell({ type: 'failed', error: postError(error) });
  }
  port.on('message', ({ id, name, parameters }: ToDeviceThread) => {
    host.request(name, parameters as never).then(
      (value) => tell({ type: 'reply', id, value }),
      (error) => tell({ type: 'reply', id, error: postError(error) }),
    );
  });
  const work = {
    poll: (stayAwake: boolean) => host.poll(stayAwake),
    peek: () => host.peek(),
    untilDeadline: () => (Math.min(host.nextDue(), vp.nextDeadline()) - clock.now()) / TICKS_PER_MILLISECOND,
  };
  // A failure of the loop is a failure of ours: it ends the thread with its stack, and the machine with it.
  loop = new DoorbellLoop(vp.doorbell, work, new AwakeThreads(system.awake, awake));
  void loop.run();
  host.ready.then(
    () => tell({ type: 'ready' }),
    async (error: unknown) => {
      await host.request('dispose', {});
      loop.stop();
      port.unref();
      tell({ type: 'failed', error: postError(error) });
    },
  );
}
