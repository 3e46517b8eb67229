/** Record and replay from the library: goes back to just before something was printed. `npx tsx examples/time-travel.ts` */
// #region travel
import { Machine, ReplaySession } from 'ringlet';

const machine = new Machine({ guest: 'examples/hello.ts', harness: 'lockstep', seed: 7, record: 'hello.rec' });
await machine.start();
await machine.finished;
await machine.dispose();

const session = await ReplaySession.open('hello.rec');
const { step } = await session.until('devices on offer'); // where it has just been printed
await session.to({ step: step - 1 }); // a step before
console.log(session.console.includes('devices on offer')); // false
await session.to('end');
console.log(session.console); // all of it
await session.dispose();
// #endregion
