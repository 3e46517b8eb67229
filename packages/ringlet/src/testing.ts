/**
 * For authors of devices: the rules every VSP keeps, as tests, and a guest's hands to drive one with.
 *
 * ```ts
 * import { test } from 'vitest';
 * import { vspRules } from 'ringlet/testing';
 * import Echo from './echo.ts';
 *
 * vspRules(test, Echo);
 * ```
 *
 * @packageDocumentation
 */
export { cHeader } from './kit/c-header.ts';
export {
  FREE_PAGE,
  FREE_PAGES,
  guestHands,
  isCompletion,
  recordedWorld,
  smallMemory,
  vspRules,
} from '@ringlet/root-partition/testing';
export type { Answer, DeclareTest, GuestHands, RecordedWorld, VspRulesOptions } from '@ringlet/root-partition/testing';
