/** Methods about what stands before a guest: its screen, keyboard and mouse. */
import { z } from 'zod';
import { encodePng } from '../../host/png.ts';
import { method, type MethodGroup } from '../method.ts';

/** Characters of one `type`. */
const LONGEST_TEXT = 8192;
/** Chords of one `press`, and actions of one `mouse`. */
const MOST_STEPS = 256;
const MOST_PIXELS = 16_384;
const MOST_NOTCHES = 32_767;

const pixel = z.number().min(0).max(MOST_PIXELS);
const button = z.enum(['left', 'right', 'middle', 'back', 'forward']);
const action = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('move'), x: pixel, y: pixel }),
  z.strictObject({ action: z.enum(['click', 'press', 'release']), button }),
  z.strictObject({ action: z.literal('scroll'), notches: z.int().min(-MOST_NOTCHES).max(MOST_NOTCHES) }),
]);

/** `screenshot`, `resolution`, `type`, `press` and `mouse`. The last three answer once the guest has everything. */
export const displayMethods: MethodGroup = {
  /** The picture as a PNG file. */
  screenshot: method(z.strictObject({}), async (_params, { machine }) => {
    const picture = await machine.display.screenshot();
    const { width, height } = picture;
    return { width, height, png: Buffer.from(encodePng(picture)).toString('base64') };
  }),
  /** Tells the guest that its screen would rather have another size. */
  resolution: method(
    z.strictObject({ width: z.int().min(1).max(MOST_PIXELS), height: z.int().min(1).max(MOST_PIXELS) }),
    async ({ width, height }, { machine }) => {
      await machine.display.prefer(width, height);
      return null;
    },
  ),
  /** Types a text at the keyboard. */
  type: method(
    z.strictObject({ text: z.string().max(LONGEST_TEXT), unicode: z.boolean().optional() }),
    async ({ text, unicode }, { machine }) => {
      await machine.keyboard.type(text, unicode === undefined ? {} : { unicode });
      return null;
    },
  ),
  /** Presses keys together, one chord after another. */
  press: method(
    z.strictObject({ chords: z.array(z.string().min(1).max(128)).min(1).max(MOST_STEPS) }),
    async ({ chords }, { machine }) => {
      await machine.keyboard.press(...chords);
      return null;
    },
  ),
  /** Moves, clicks and scrolls, in order. */
  mouse: method(
    z.strictObject({ actions: z.array(action).min(1).max(MOST_STEPS) }),
    async ({ actions }, { machine }) => {
      await machine.mouse.act(...actions);
      return null;
    },
  ),
};
