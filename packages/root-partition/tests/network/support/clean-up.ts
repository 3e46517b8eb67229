/** What a test has made, undone after it in the opposite order. */
import { type AddressInfo, createServer } from 'node:net';
import { afterEach } from 'vitest';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Has something undone after the test. */
export function afterThis(cleanUp: () => unknown): void {
  cleanUps.push(cleanUp);
}

/** A port of loopback that nobody has just now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
