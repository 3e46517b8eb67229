/** What is known of a guest from its machine's events: the latest of each kind. */
import type { GuestFacts } from '@ringlet/root-partition';
import type { Observable } from 'rxjs';

/** Keeps notes of one machine. */
export class GuestNotes {
  #heartbeat = 'no-contact';
  #facts: GuestFacts = {};
  readonly #subscription: { unsubscribe(): void };

  constructor(events$: Observable<{ readonly type: string }>) {
    this.#subscription = events$.subscribe((event) => this.#note(event));
  }

  /** Plain data for `describe`: how the guest is, and what it says of itself once it does. */
  describe(): { readonly heartbeat: string; readonly system?: GuestFacts } {
    const silent = Object.keys(this.#facts).length === 0;
    return { heartbeat: this.#heartbeat, ...(silent ? {} : { system: this.#facts }) };
  }

  dispose(): void {
    this.#subscription.unsubscribe();
  }

  #note(event: { readonly type: string; readonly state?: string; readonly facts?: GuestFacts }): void {
    if (event.type === 'heartbeat' && event.state !== undefined) this.#heartbeat = event.state;
    if (event.type === 'guest-facts' && event.facts !== undefined) this.#facts = event.facts;
  }
}
