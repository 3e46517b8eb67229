/** One end of an Ethernet cable: what a NIC of a machine is plugged into. */
export interface NetworkPort {
  /** The guest's frame goes out. The bytes are only valid during the call. Returns false when the port cannot take it now: the frame is dropped and counted by the port. */
  send(frame: Uint8Array, offload?: FrameOffload): boolean;
  /** What the NIC does with frames for the guest; `undefined` unplugs it. A sink that answers false has dropped the frame (the guest's buffers are full). */
  onReceive(sink: ((frame: Uint8Array, offload?: FrameOffload) => boolean) | undefined): void;
  /** Link state and its changes. */
  readonly link: {
    up: boolean;
    /** Calls back after every change. */
    onChange(change: (up: boolean) => void): void;
  };
  /** Largest frame payload (MTU) that the other side takes, 576 to 9000 bytes. */
  readonly mtu: number;
  /** Plain data for `ringlet inspect`. */
  inspect(): Record<string, unknown>;
  /** Pulls the plug. `done` is called when nothing comes any more. */
  dispose(done: () => void): void;
}
/** What the frame's checksums and size still need, as in RNDIS per-packet information: a port that cannot pass it on finishes the frame itself (see `finish-frame.ts`). */
export interface FrameOffload {
  /** TCP segments of at most this many bytes are to be cut from the frame; 0: none. */
  readonly segmentSize: number;
  /** The TCP or UDP checksum is not filled in (transmit) or was verified (receive). */
  readonly checksumPartial: boolean;
  /** 802.1Q tag (priority, DEI, VLAN id as on the wire), or undefined. */
  readonly vlan?: number | undefined;
}
