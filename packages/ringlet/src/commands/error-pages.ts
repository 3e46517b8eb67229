/** Every stable error code: what it says, why it happens, what to try. `ringlet explain` and the guide print it. */

/** One page. */
export interface ErrorPage {
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

/** Pages by code, in alphabetical order. */
export const ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {};
