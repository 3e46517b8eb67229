/** What one child can make the root keep. Every table and list that a child can fill has its bound here, by name. */

/** Bounds of one child's bus. */
export interface RootBusLimits {
  /** Channel ids in use at a time. At most {@link MAX_RELID}: one event flag each, flag 0 is not a channel's. */
  readonly channels: number;
  /** Offers known to the root, whether a child has heard of them or not, and rescinded ones it has not released. */
  readonly offers: number;
  /** GPADLs of one channel, unfinished ones included. */
  readonly gpadlsPerChannel: number;
  /** GPADLs of all channels. */
  readonly gpadls: number;
  /** Pages in all GPADLs together; the root keeps eight bytes for each. */
  readonly gpadlPages: number;
  /** Messages waiting for the child to empty its slot; when this many wait, nothing more is read from it. */
  readonly pendingMessages: number;
  /** Socket connect requests that no one has answered yet. */
  readonly socketConnects: number;
}

/** Highest channel id: a SINT has 2048 event flags. */
export const MAX_RELID = 2047;

/** Bits of the four trigger groups in a monitor page. */
export const MONITOR_IDS = 128;

/** Enough for 64 network queues with their buffers; 8 MiB of page numbers in the worst case. */
export const defaultLimits: RootBusLimits = {
  channels: MAX_RELID,
  offers: 4096,
  gpadlsPerChannel: 256,
  gpadls: 4096,
  gpadlPages: 1 << 20,
  pendingMessages: 64,
  socketConnects: 16,
};
