/** What a viewer shows, and where what is done in front of it goes. A `Machine` is one. */
import type { KeyStroke, Rectangle } from '@ringlet/protocols';
import type { MouseChange, Picture } from '@ringlet/root-partition';
import type { Observable } from 'rxjs';

/** A machine with a person in front of it. */
export interface ViewedMachine {
  readonly name: string;
  readonly display: {
    readonly mode$: Observable<{ readonly width: number; readonly height: number } | undefined>;
    readonly dirty$: Observable<readonly Rectangle[]>;
    screenshot(part?: Rectangle): Promise<Picture>;
  };
  readonly keyboard: { stroke(strokes: readonly KeyStroke[]): Promise<void> };
  readonly mouse: { change(changes: readonly MouseChange[]): Promise<void> };
}

/** A way to one viewer's bytes: a socket, or a web socket. */
export interface ViewerTransport {
  write(bytes: Uint8Array): void;
  onBytes(take: (bytes: Uint8Array) => void): void;
  onEnd(ended: () => void): void;
  close(): void;
}
