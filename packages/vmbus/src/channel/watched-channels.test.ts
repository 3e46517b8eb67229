import { expect, test } from 'vitest';
import { WatchedChannels } from './watched-channels.ts';

const channel = () => ({ hasPackets: false });

test('a look finds a watched channel with packets, and none when there are none', () => {
  const watched = new WatchedChannels<ReturnType<typeof channel>>();
  const [quiet, busy] = [channel(), channel()];
  watched.add(quiet);
  watched.add(busy);
  expect(watched.look()).toBeUndefined();
  busy.hasPackets = true;
  expect(watched.look()).toBe(busy);
});

test('a channel is watched once, and no more channels than can be looked at cheaply', () => {
  const watched = new WatchedChannels<ReturnType<typeof channel>>();
  const channels = Array.from({ length: 9 }, channel);
  const added = channels.map((each) => watched.add(each));
  expect(added).toEqual([true, true, true, true, true, true, true, true, false]);
  expect(watched.add(channels[0]!)).toBe(true);
  let taken = 0;
  while (watched.take()) taken++;
  expect(taken).toBe(8);
});
