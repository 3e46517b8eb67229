/** The library: a program that runs a machine, looks inside, and waits for its end. `npx tsx examples/library.ts` */
// #region machine
import { Machine } from 'ringlet';

const machine = new Machine({ guest: 'examples/hello.ts', memory: 16 * 1024 * 1024 });
machine.console$.subscribe((text) => process.stdout.write(text));
await machine.start();
console.log(await machine.inspect('name')); // a path into the tree that ringlet inspect shows
console.log(await machine.finished); // { reason: 'power-off', code: 0 }
await machine.dispose();
// #endregion
