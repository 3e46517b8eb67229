/**
 * Display: what a guest shows, for programs around it.
 *
 * ```ts
 * writeFileSync('screen.png', encodePng(await machine.display.screenshot()));
 * machine.display.dirty$.subscribe((parts) => …);   // while somebody subscribes, the guest says what it changes
 * ```
 */
import type { DeviceHostEvent, DisplayEvent, Picture, Rectangle } from '@ringlet/root-partition';
import { BehaviorSubject, distinctUntilChanged, Observable, Subject } from 'rxjs';
import type { ControllableDisplay, MachineState } from '../control/controllable.ts';
import type { Harness } from './harness.ts';

/** Pixels of a screen. */
export interface DisplayMode {
  /** Pixels of a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/** The screen of one machine. */
export class Display implements ControllableDisplay {
  readonly #ask: Harness['request'];
  readonly #mode = new BehaviorSubject<DisplayMode | undefined>(undefined);
  readonly #dirty = new Subject<readonly Rectangle[]>();
  #watchers = 0;
  #running = false;

  /** The size of the picture, now and whenever it is another; `undefined` while the guest shows none. */
  readonly mode$: Observable<DisplayMode | undefined> = this.#mode.pipe(distinctUntilChanged());

  /**
   * Parts of the picture that have changed, in pixels. The guest is asked to tell while somebody subscribes; how soon it
   * does is its own affair, 20 times a second for Linux's `hyperv_fb`.
   */
  readonly dirty$ = new Observable<readonly Rectangle[]>((subscriber) => {
    const subscription = this.#dirty.subscribe(subscriber);
    if (++this.#watchers === 1) this.#watch();
    return () => {
      subscription.unsubscribe();
      if (--this.#watchers === 0) this.#watch();
    };
  });

  /** @param state$ - of the machine: only a running one can be asked */
  constructor(ask: Harness['request'], state$: Observable<MachineState>) {
    this.#ask = ask;
    state$.subscribe({
      next: (state) => this.#enter(state),
      complete: () => {
        this.#mode.complete();
        this.#dirty.complete();
      },
    });
  }

  /**
   * The picture as it is now, or a part of it.
   *
   * @throws UserError `display-off` while the guest shows none, `display-part-empty` when the part is beside it
   */
  screenshot(part?: Rectangle): Promise<Picture> {
    return this.#ask('screenshot', part ? { part } : {});
  }

  /**
   * Tells the guest that its screen would rather have another size. Windows changes it at once, Linux when its driver is
   * bound again.
   *
   * @throws UserError `display-too-large` when the video card has too little memory
   */
  async prefer(width: number, height: number): Promise<void> {
    await this.#ask('preferResolution', { width, height });
  }

  /** Takes what the device host reports. @returns whether it was about the screen */
  take(event: DeviceHostEvent): event is DisplayEvent {
    if (event.type === 'display-mode') this.#mode.next(event.mode);
    else if (event.type === 'display-dirty') this.#dirty.next(event.parts);
    else return false;
    return true;
  }

  #enter(state: MachineState): void {
    this.#running = state === 'running';
    if (this.#running && this.#watchers > 0) this.#watch();
    if (!this.#running) this.#mode.next(undefined);
  }

  #watch(): void {
    // A machine that ends while it is asked has nothing more to tell.
    if (this.#running) this.#ask('watchDisplay', { watched: this.#watchers > 0 }).catch(() => {});
  }
}
