/**
 * Time sync, the guest's side: takes the host's wall clock.
 *
 * Version 4 says at which reference time the clock was read, so the way through the ring does not count. A `sample`
 * sets nothing while a clock is set: ours is the reference counter, which does not drift from the host's.
 */
import { IcStatus, IcTime, IcTimeFlag, IcTimeReference, IntegrationService } from '@ringlet/protocols';
import type { IntegrationHandler } from './integration-vsc.ts';
import type { WallClock } from './wall-clock.ts';

/** Sets `clock` from the host's messages; `now` is the partition's reference time. */
export function timeSync(clock: WallClock, now: () => number): IntegrationHandler {
  const take = (parentTime: bigint, referenceTime: number, flags: number): void => {
    if ((flags & IcTimeFlag.Sync) !== 0 || clock.read(0) === undefined) clock.set(parentTime, referenceTime);
  };
  return {
    service: IntegrationService.timeSync,
    request(payload, version) {
      if (version.major >= 4) {
        const time = IcTimeReference.decode(payload);
        if (!time) return IcStatus.Fail;
        take(time.parentTime, Number(time.referenceTime), time.flags);
      } else {
        const time = IcTime.decode(payload);
        if (!time) return IcStatus.Fail;
        take(time.parentTime, now(), time.flags);
      }
      return IcStatus.Success;
    },
  };
}
