/**
 * Saved state of a child's bus: plain data that survives JSON. Separate from the running state, so that either can change
 * without the other; fields are only ever added, with a default for their absence.
 */

/** A GPADL, finished or not. */
export interface SavedGpadl {
  readonly relid: number;
  readonly id: number;
  readonly state: string;
  readonly rangeCount: number;
  readonly units: number;
  readonly buffer: readonly number[];
  readonly filled: number;
  readonly ranges: readonly {
    readonly byteCount: number;
    readonly byteOffset: number;
    readonly pages: readonly number[];
  }[];
}

/** An opening, as the child asked for it. */
export interface SavedRequest {
  readonly openId: number;
  readonly ringGpadl: number;
  readonly targetVp: number;
  readonly downstreamPageOffset: number;
  readonly userData: readonly number[];
}

/** One channel: what the child knows of it, and what its device is doing. */
export interface SavedChannel {
  readonly interfaceId: string;
  readonly instanceId: string;
  readonly subchannelIndex: number;
  /** What the child was told of the device, to recognise a different one. */
  readonly fingerprint: string;
  readonly relid: number;
  readonly monitorId: number;
  readonly child: string;
  readonly leaving: boolean;
  readonly device: {
    readonly is: string;
    readonly request?: SavedRequest;
    readonly reopen?: SavedRequest;
    readonly cancelled?: boolean;
  };
  readonly reserved?: { readonly vp: number; readonly sint: number };
}

/** Everything that the bus of one child needs to carry on in another process. */
export interface SavedBus {
  readonly format: 1;
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
  readonly target: { readonly vp: number; readonly sint: number };
  readonly connections: number;
  readonly allOffersDue: boolean;
  readonly channels: readonly SavedChannel[];
  readonly gpadls: readonly SavedGpadl[];
  readonly messages: readonly (readonly number[])[];
}

/** Page numbers as plain data. */
export const copyPages = (pages: ArrayLike<number>): number[] => Array.from(pages);
