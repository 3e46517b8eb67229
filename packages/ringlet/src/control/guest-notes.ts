/** What is known of a guest from its machine's events: the latest of each kind. */
import type { GuestFacts } from '@ringlet/root-partition';
import type { Observable } from 'rxjs';

/** What is noted. */
interface GuestNote {
  readonly heartbeat: string;
  /** Bytes of memory that it has, and that it says it needs, where that can change. */
  readonly assigned?: number;
  readonly demand?: number;
  readonly system?: GuestFacts;
}

interface NotedEvent {
  readonly type: string;
  readonly state?: string;
  readonly facts?: GuestFacts;
  readonly assigned?: number;
  readonly demand?: number | null;
}

/** Keeps notes of one machine. */
export class GuestNotes {
  #heartbeat = 'no-contact';
  #facts: GuestFacts = {};
  #memory: { readonly assigned: number; readonly demand: number | null } | undefined;
  readonly #subscription: { unsubscribe(): void };

  constructor(events$: Observable<{ readonly type: string }>) {
    this.#subscription = events$.subscribe((event) => this.#note(event));
  }

  /** Plain data for `describe`: how the guest is, and what it says of itself once it does. */
  describe(): GuestNote {
    const silent = Object.keys(this.#facts).length === 0;
    const { assigned, demand } = this.#memory ?? {};
    return {
      heartbeat: this.#heartbeat,
      ...(assigned === undefined ? {} : { assigned }),
      ...(demand === undefined || demand === null ? {} : { demand }),
      ...(silent ? {} : { system: this.#facts }),
    };
  }

  dispose(): void {
    this.#subscription.unsubscribe();
  }

  #note(event: NotedEvent): void {
    if (event.type === 'heartbeat' && event.state !== undefined) this.#heartbeat = event.state;
    if (event.type === 'memory' && event.assigned !== undefined) {
      this.#memory = { assigned: event.assigned, demand: event.demand ?? null };
    }
    if (event.type === 'guest-facts' && event.facts !== undefined) this.#facts = event.facts;
  }
}
