/** The trace from the library: what `echo.guest.ts` and its device say to each other. `npx tsx examples/tracing.ts` */
// #region trace
import { Machine } from 'ringlet';

const machine = new Machine({ guest: 'examples/echo.guest.ts', devices: ['examples/echo.ts'] });
machine.trace('device=echo').subscribe(({ time, kind }) => console.log(time.toFixed(6), kind));
await machine.start();
// #endregion
console.log(await machine.finished);
await machine.dispose();
