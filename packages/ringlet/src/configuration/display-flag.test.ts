import { expect, test } from 'vitest';
import { displayOf, parseDisplay } from './display-flag.ts';

test.each([
  ['1280x1024', { width: 1280, height: 1024 }],
  ['640X480', { width: 640, height: 480 }],
  ['3840x2160', { width: 3840, height: 2160 }],
  ['none', 'none'],
])('%s is a screen', (text, display) => expect(displayOf(text)).toEqual(display));

test.each(['', '1280', '639x480', '3841x2160', '1e3x768', '1280x1024x32', 'None'])('%s is none', (text) => {
  expect(displayOf(text)).toBeUndefined();
  expect(() => parseDisplay(text, '--display')).toThrow(expect.objectContaining({ code: 'display-invalid' }));
});
