/** Shows a small picture, and another one as soon as the host would like one. */
import { Screen } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

export default async function main(guest: Guest): Promise<void> {
  const screen = await guest.open(Screen);
  const first = await screen.show({ width: 640, height: 480 });
  first.fill(0, 0, first.width, first.height, 0x112233);
  await guest.print('small\n');
  await new Promise<void>((wished) => screen.preferred$.subscribe(() => wished()));
  const canvas = await screen.show();
  canvas.fill(canvas.width - 1, canvas.height - 1, 1, 1, 0x445566);
  await guest.print(`large ${canvas.width}\n`);
  await new Promise(() => {});
}
