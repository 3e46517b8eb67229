/** A machine whose guest paints, for tests of who looks at its screen. */
import { filter, firstValueFrom } from 'rxjs';
import { example, start, type Watched } from './machines.ts';

/** Resolves when the guest paints, and its screen has the size. */
export async function painting(size: { readonly width: number; readonly height: number }): Promise<Watched> {
  const watched = await start({ guest: example('paint.ts'), memory: 32 << 20, display: size });
  await watched.printed('painting on');
  // What the guest has set and said comes by different ways.
  await firstValueFrom(watched.machine.display.mode$.pipe(filter((mode) => mode?.height === size.height)));
  return watched;
}
