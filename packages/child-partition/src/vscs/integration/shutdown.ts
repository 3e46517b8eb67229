/** Shutdown, the guest's side: the answer says "will do"; what follows is the guest's own affair. */
import { IcShutdown, IcShutdownFlag, IcStatus, IntegrationService } from '@ringlet/protocols';
import type { ShutdownRequest } from '../../runtime/guest.ts';
import type { IntegrationHandler } from './integration-vsc.ts';

/** Passes shutdown requests on, once: a host that asks again is told that it is being done. */
export function shutdown(begin: (request: ShutdownRequest) => void): IntegrationHandler {
  let begun = false;
  return {
    service: IntegrationService.shutdown,
    request(payload) {
      const request = IcShutdown.decode(payload);
      if (!request) return IcStatus.Fail;
      if ((request.flags & IcShutdownFlag.Hibernate) !== 0) return IcStatus.Fail; // there is nothing to hibernate to
      if (begun) return IcStatus.Success;
      begun = true;
      const end = request.message.indexOf(0);
      begin({
        reboot: (request.flags & IcShutdownFlag.Restart) !== 0,
        force: (request.flags & IcShutdownFlag.Force) !== 0,
        // Latin-1 shows every byte a host may send; ASCII is what hosts do send.
        message: String.fromCharCode(...request.message.subarray(0, end < 0 ? undefined : end)),
      });
      return IcStatus.Success;
    },
  };
}
