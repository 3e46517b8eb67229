/**
 * The three kinds of failure, and the only three:
 *
 *  - a guest did something wrong    → a status value, returned, never thrown
 *  - a user asked for something bad → {@link UserError}: what, why, and what to try
 *  - we broke our own rule          → {@link invariant}: stop at once, in every build
 */

/** A mistake the person at the keyboard can fix. The command line shows `hint` below the message. */
export class UserError extends Error {
  /** `UserError`. */
  override readonly name = 'UserError';
  /** Stable, kebab-case: scripts may test it. */
  readonly code: string;
  /** What to try next. */
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** A rule of ours that no input, from a guest or a user, can break. @throws Error when it is broken. */
export function invariant(condition: unknown, rule: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${rule}`);
}
