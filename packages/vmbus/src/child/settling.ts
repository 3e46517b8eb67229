/** From the callbacks of the bus's state machines to the promises of its interface. */
import { BusError } from './bus-error.ts';
import type { Ended } from './gpadl-table.ts';

/** Ends a promise with a value, or with the error that came instead. */
export const settle =
  <T>(resolve: (value: T) => void, reject: (error: BusError) => void) =>
  (result: T | BusError): void => {
    if (result instanceof BusError) reject(result);
    else resolve(result);
  };

/** Ends a promise that has no value. */
export const ends =
  (resolve: () => void, reject: (error: BusError) => void): Ended =>
  (error) => {
    if (error) reject(error);
    else resolve();
  };
