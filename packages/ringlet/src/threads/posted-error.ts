/** Errors across threads: what a person can act on keeps its code and hint. */
import { UserError } from '@ringlet/wire';
import type { PostedError } from './messages.ts';

/** The form of an error that can be posted. */
export function postError(error: unknown): PostedError {
  if (error instanceof UserError) return { user: true, code: error.code, message: error.message, hint: error.hint };
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { user: false, code: 'internal', message, stack };
}

/** The error again, in the thread that receives it. */
export function receiveError(posted: PostedError): Error {
  if (posted.user)
    return new UserError(posted.code, posted.message, posted.hint === undefined ? {} : { hint: posted.hint });
  const error = new Error(posted.message);
  if (posted.stack !== undefined) error.stack = posted.stack;
  return error;
}
