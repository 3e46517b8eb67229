/**
 * For authors of devices: a guest's hands on a VSP, and the rules every VSP keeps.
 *
 * @packageDocumentation
 */
export { FREE_PAGE, FREE_PAGES, guestHands, isCompletion, recordedWorld, smallMemory } from './testing/guest-hands.ts';
export type { Answer, GuestHands, RecordedWorld } from './testing/guest-hands.ts';
export { vspRules } from './testing/vsp-rules.ts';
export type { DeclareTest, VspRulesOptions } from './testing/vsp-rules.ts';
