/** Puts a flat machine into a user-mode program of some code size. */
import type { FlatMachine } from '../src/flat-machine.ts';
import * as State from '../src/state.ts';
import { CODE, type Place } from './place.ts';

const CODE_BYTES = 0x1000;
/** G, D, L and the access byte of a readable code segment for CPL 3. */
const CODE_ATTRIBUTES = { 64: 0xa0fb, 32: 0xc0fb, 16: 0x00fb } as const;
/** Paging, alignment checks for user mode, write protection, numeric errors, monitor, protection: as Linux has it. */
const CR0 = 0x80050033;
const ALL = 0xffffffff;
const NULL_SELECTOR = 0x10000;

/** Sets the segments and the privilege level. */
export function enterPlace(machine: FlatMachine, place: Place): void {
  const flat = place.bits !== 16;
  const set = (segment: number, base: number, limit: number, selector: number, attributes: number): void => {
    machine.view.setBigUint64(machine.state + segment + State.SEG_BASE, BigInt(base), true);
    machine.setWord(segment + State.SEG_LIMIT, limit);
    machine.view.setUint16(machine.state + segment + State.SEG_SELECTOR, selector, true);
    machine.setWord(segment + State.SEG_ATTRIBUTES, attributes);
  };
  const { code, data } = place.selectors;
  const codeLimit = flat ? ALL : place.code + CODE_BYTES - 1;
  set(State.CS, flat ? 0 : CODE - place.code, codeLimit, code, CODE_ATTRIBUTES[place.bits]);
  for (const segment of [State.DS, State.ES, State.SS])
    set(segment, place.dataBase, flat ? ALL : 0xffff, data, flat ? 0xc0f3 : 0x00f3);
  for (const segment of [State.FS, State.GS]) set(segment, 0, 0, 0, NULL_SELECTOR);
  machine.setWord(State.CR0, CR0);
  machine.setWord(State.CPL, 3);
  machine.core.updateMode(machine.state);
}
