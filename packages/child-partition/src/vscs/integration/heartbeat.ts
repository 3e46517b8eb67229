/** Heartbeat, the guest's side: every beat is answered with its sequence number plus one. */
import { IcHeartbeat, IcStatus, IntegrationService } from '@ringlet/protocols';
import type { IntegrationHandler } from './integration-vsc.ts';

/** Answers heartbeats. */
export const heartbeat: IntegrationHandler = {
  service: IntegrationService.heartbeat,
  request(payload) {
    const end = IcHeartbeat.at.sequence + 8;
    if (payload.length < end) return IcStatus.Fail;
    const view = new DataView(payload.buffer, payload.byteOffset);
    view.setBigUint64(IcHeartbeat.at.sequence, view.getBigUint64(IcHeartbeat.at.sequence, true) + 1n, true);
    return IcStatus.Success;
  },
};
