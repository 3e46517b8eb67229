/**
 * Saved state of a child's bus: plain data that survives JSON. Separate from the running state, so that either can change
 * without the other; fields are only ever added, with a default for their absence.
 */

/** A GPADL, finished or not. */
export interface SavedGpadl {
  /** The channel that it is for. */
  readonly relid: number;
  /** Number that the guest has given it. */
  readonly id: number;
  /** How far it is: in progress, accepted, being torn down, or left behind by its channel. */
  readonly state: string;
  /** Ranges that its header announced. */
  readonly rangeCount: number;
  /** Words of 64 bits that its header announced. */
  readonly units: number;
  /** Bytes of the ranges so far, while it is not finished. */
  readonly buffer: readonly number[];
  /** Bytes of them that have come. */
  readonly filled: number;
  /** The ranges, once it is finished; page numbers are the guest's. */
  readonly ranges: readonly {
    readonly byteCount: number;
    readonly byteOffset: number;
    readonly pages: readonly number[];
  }[];
}

/** An opening, as the child asked for it. */
export interface SavedRequest {
  /** What the answer repeats. */
  readonly openId: number;
  /** Id of the GPADL that both rings lie in. */
  readonly ringGpadl: number;
  /** The VP that it wants its interrupts on. */
  readonly targetVp: number;
  /** Pages of the GPADL before the ring from the root to the child. */
  readonly downstreamPageOffset: number;
  /** 120 bytes for the device. */
  readonly userData: readonly number[];
}

/** One channel: what the child knows of it, and what its device is doing. */
export interface SavedChannel {
  /** GUID of the device class. */
  readonly interfaceId: string;
  /** GUID of the one device. */
  readonly instanceId: string;
  /** 0 for the primary channel. */
  readonly subchannelIndex: number;
  /** What the child was told of the device, to recognise a different one. */
  readonly fingerprint: string;
  /** Number that the child knows it by; 0 before it was offered. */
  readonly relid: number;
  /** Its bit of the monitor pages. */
  readonly monitorId: number;
  /** What the child knows of it: nothing, its offer, that it is rescinded; or it has released it. */
  readonly child: string;
  /** It is rescinded, and not released yet. */
  readonly leaving: boolean;
  /** What its device is doing, with the opening that it is about. */
  readonly device: {
    readonly is: string;
    readonly request?: SavedRequest;
    readonly reopen?: SavedRequest;
    readonly cancelled?: boolean;
  };
  /** Of a reserved channel: where its messages go. */
  readonly reserved?: { readonly vp: number; readonly sint: number };
}

/** Everything that the bus of one child needs to carry on in another process. */
export interface SavedBus {
  /** Changes when older software could no longer read it. */
  readonly format: 1;
  /** How far the connection is: its version, its monitor pages, a contact that is under way. */
  readonly connection: {
    readonly is: string;
    readonly version?: number;
    readonly monitor?: { readonly toChild: number; readonly toRoot: number };
    readonly offersRequested?: boolean;
    readonly unload?: boolean;
    readonly contact?: {
      readonly version: number;
      readonly target: { readonly vp: number; readonly sint: number };
      readonly vtl: number;
      readonly monitorToChild: number;
      readonly monitorToRoot: number;
    };
  };
  /** Where bus messages go in the child. */
  readonly target: { readonly vp: number; readonly sint: number };
  /** Contacts ever accepted, which tells an old answer from a new one. */
  readonly connections: number;
  /** The end of the offers is still to be sent. */
  readonly allOffersDue: boolean;
  /** Every channel that the child knows of. */
  readonly channels: readonly SavedChannel[];
  /** Every GPADL. */
  readonly gpadls: readonly SavedGpadl[];
  /** Messages that did not fit into the child's slot yet, in order. */
  readonly messages: readonly (readonly number[])[];
}

/** Page numbers as plain data. */
export const copyPages = (pages: ArrayLike<number>): number[] => Array.from(pages);
