/** What is said of one error code. */
export interface ErrorPage {
  /** The error in other words, without a capital letter or a full stop. */
  readonly what: string;
  readonly why: string;
  /** What to try. */
  readonly remedy: string;
}

/** A page, written on three lines. */
export const page = (what: string, why: string, remedy: string): ErrorPage => ({ what, why, remedy });
