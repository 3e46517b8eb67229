/** Whether this host has IPv6 at all: many a container has none. */
import { networkInterfaces } from 'node:os';

/** Why nothing can listen on `::1` here; undefined when it can. */
export const noLoopback6: string | undefined = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
)
  ? undefined
  : 'this host has no ::1';
