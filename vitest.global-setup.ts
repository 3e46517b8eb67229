/** Before all tests: the processor's core is built, once, when it is missing or older than its sources. */
import { buildCore } from './packages/x64/scripts/build.mjs';

export default async function setup(): Promise<void> {
  await buildCore();
}
