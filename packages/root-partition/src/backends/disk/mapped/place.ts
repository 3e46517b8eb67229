/**
 * Place: where a run of sectors is, as a format's map answers it.
 *
 *   request     ████████████████████████████████
 *   places      Here──┘│Zero─┘│Parent──┘│Here────┘     one after another, each as long as it stays in one piece
 */
import type { Gate } from './gate.ts';

/** What a {@link Place} says. */
export const PlaceKind = {
  /** In this file, at `position`. */
  Here: 0,
  /** Nowhere: reads as zeroes. */
  Zero: 1,
  /** In the disk below, at the same sector. */
  Parent: 2,
  /** Nothing to move: the map itself has changed, or had nothing to change. */
  Done: 3,
  /** Not known before `gate` opens; ask again then. */
  Wait: 4,
} as const;

/** The answer of a map. One object is used for every answer. */
export class Place {
  kind: number = PlaceKind.Zero;
  /** Sectors, from the one asked for on, that this answer holds for: at least 1. */
  count = 0;
  /** Byte position in the file. */
  position = 0;
  gate: Gate | undefined;

  here(position: number, count: number): void {
    this.kind = PlaceKind.Here;
    this.position = position;
    this.count = count;
  }

  zero(count: number): void {
    this.kind = PlaceKind.Zero;
    this.count = count;
  }

  parent(count: number): void {
    this.kind = PlaceKind.Parent;
    this.count = count;
  }

  done(count: number): void {
    this.kind = PlaceKind.Done;
    this.count = count;
  }

  wait(gate: Gate): void {
    this.kind = PlaceKind.Wait;
    this.gate = gate;
  }
}
