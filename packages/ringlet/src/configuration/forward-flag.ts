/** A forwarded port as people write it: `[tcp:|udp:][HOST-ADDRESS:]HOST-PORT:[GUEST-ADDRESS:]GUEST-PORT`. */
import type { ForwardDescription } from '@ringlet/root-partition';

const FORM = /^(?:(tcp|udp):)?(?:(\d+\.\d+\.\d+\.\d+):)?(\d{1,5}):(?:(\d+\.\d+\.\d+\.\d+):)?(\d{1,5})$/;

/** The ports that a rule means, or what is wrong with it. */
export function parseForward(rule: string): ForwardDescription | string {
  const match = FORM.exec(rule);
  if (match === null) return `"${rule}" is not two ports: HOST:GUEST, such as 2222:22 or udp:5353:53`;
  const [, protocol, hostIp, hostPort, guestIp, guestPort] = match;
  return {
    ...(protocol !== undefined && { protocol: protocol as 'tcp' | 'udp' }),
    ...(hostIp !== undefined && { hostIp }),
    hostPort: Number(hostPort),
    ...(guestIp !== undefined && { guestIp }),
    guestPort: Number(guestPort),
  };
}
