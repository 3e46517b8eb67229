/** Asks a switch how things are. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { cannotConnect } from '../failures.ts';
import { writeHello } from './hello.ts';

/** What the switch at `path` says of itself: plain data. @throws UserError network-socket-refused */
export async function askSwitch(path: string): Promise<Record<string, unknown>> {
  const socket = connect(path);
  try {
    socket.write(writeHello({ ask: 'inspect' }));
    return JSON.parse(await text(socket)) as Record<string, unknown>;
  } catch (error) {
    throw cannotConnect(path, error);
  } finally {
    socket.destroy();
  }
}
