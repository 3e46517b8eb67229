/** One viewer, from its first byte to its last. */
import type { ViewedMachine, ViewerTransport } from '../viewed-machine.ts';
import { ByteReader, ViewerGone } from './byte-reader.ts';
import { readClientMessage } from './client-message.ts';
import { handshake } from './handshake.ts';
import { ViewerInput } from './input.ts';
import { ScreenSender, type ScreenSize } from './screen-sender.ts';

/** What is shown while the guest shows nothing: a black screen of the size that PCs begin with. */
const NOTHING: ScreenSize = { width: 720, height: 400 };

/** Serves it until it leaves. @returns why it is gone. Never rejects. */
export async function serveViewer(
  transport: ViewerTransport,
  machine: ViewedMachine,
  password: string | undefined,
): Promise<string> {
  const reader = new ByteReader();
  transport.onBytes((bytes) => reader.push(bytes));
  transport.onEnd(() => reader.end());
  const write = (bytes: Uint8Array): void => transport.write(bytes);
  const input = new ViewerInput(machine);
  let size = NOTHING;
  let sender: ScreenSender | undefined;
  const watching = machine.display.mode$.subscribe((mode) => {
    size = mode ?? NOTHING;
    sender?.resized(size);
  });
  try {
    const begun = size;
    await handshake({ reader, write, password, ...begun, name: machine.name });
    sender = new ScreenSender(machine, begun, write, (error) => reader.end(String(error)));
    if (size !== begun) sender.resized(size);
    watching.add(machine.display.dirty$.subscribe((parts) => sender?.changed(parts)));
    for (;;) {
      const message = await readClientMessage(reader);
      if (message.type === 'format') sender.format(message.format);
      else if (message.type === 'encodings') sender.encodings(message.encodings);
      else if (message.type === 'request') sender.request(message.changesOnly, message.part);
      else if (message.type === 'key') input.key(message.down, message.symbol, message.scanCode);
      else if (message.type === 'pointer') input.pointer(message.buttons, message.x, message.y);
    }
  } catch (error) {
    return error instanceof ViewerGone ? error.message : String(error);
  } finally {
    watching.unsubscribe();
    input.release();
    sender?.close();
    transport.close();
  }
}
