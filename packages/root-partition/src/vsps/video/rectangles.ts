/** Rectangles of a picture, in pixels: right and lower edge exclusive, none of them empty. */
import type { Rectangle } from '@ringlet/protocols';

/** All of a picture. */
export const whole = ({ width, height }: { readonly width: number; readonly height: number }): Rectangle => ({
  left: 0,
  top: 0,
  right: width,
  bottom: height,
});

/** The smallest rectangle that holds both. */
export const around = (a: Rectangle, b: Rectangle): Rectangle => ({
  left: Math.min(a.left, b.left),
  top: Math.min(a.top, b.top),
  right: Math.max(a.right, b.right),
  bottom: Math.max(a.bottom, b.bottom),
});

/** What two rectangles have in common; `undefined` when that is nothing, or one of them is empty or inside out. */
export function overlap(a: Rectangle, b: Rectangle): Rectangle | undefined {
  const common = {
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  };
  return common.left < common.right && common.top < common.bottom ? common : undefined;
}
