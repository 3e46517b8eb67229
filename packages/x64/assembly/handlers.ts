/** From a handler's number in the generated tables to what an op holds. */
import { handlerIndex } from '../wasm/generated/handlers';
import { HANDLER_UNDEFINED } from './hot';
import { HOT_LIMIT } from './op';

/** What to store as an op's handler: a place in the function table, or the case that raises #UD when nobody wrote it. */
export function handlerNumber(handler: u32): u32 {
  const index = handlerIndex(handler);
  return index == 0 ? HANDLER_UNDEFINED : HOT_LIMIT + index;
}
