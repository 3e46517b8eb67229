/**
 * Reads text off a picture of a console, by the shapes of its characters. It knows no font: it is shown a picture of known
 * text first, and learns each character's shape from that.
 */
import type { Picture } from 'ringlet';

/** Cells of Linux's usual console font, in pixels. */
const CELL = { width: 8, height: 16 } as const;

/** Reads consoles. */
export class ScreenReader {
  readonly #characters = new Map<string, string>();

  /** @param text - rows of what the picture shows from its upper left corner on */
  constructor(picture: Picture, text: readonly string[]) {
    text.forEach((line, row) =>
      Array.from(line, (character, column) => {
        const shape = shapeAt(picture, column, row);
        const known = this.#characters.get(shape);
        if (known !== undefined && known !== character) throw new Error(`"${known}" and "${character}" look the same`);
        this.#characters.set(shape, character);
      }),
    );
    this.#characters.set(
      shapeOf(() => false),
      ' ',
    );
  }

  /** How many different shapes it knows, the blank included. */
  get size(): number {
    return this.#characters.size;
  }

  /** The rows of text, without blanks at their ends; \ufffd for a shape that was never seen. */
  read(picture: Picture): string[] {
    const columns = Math.floor(picture.width / CELL.width);
    const rows = Math.floor(picture.height / CELL.height);
    return Array.from({ length: rows }, (_, row) =>
      Array.from({ length: columns }, (__, column) => this.#characters.get(shapeAt(picture, column, row)) ?? '\ufffd')
        .join('')
        .trimEnd(),
    );
  }
}

function shapeAt({ width, pixels }: Picture, column: number, row: number): string {
  return shapeOf((x, y) => {
    const at = ((row * CELL.height + y) * width + column * CELL.width + x) * 4;
    return pixels[at]! + pixels[at + 1]! + pixels[at + 2]! > 0;
  });
}

/** Lit pixels of a cell, row by row. */
function shapeOf(lit: (x: number, y: number) => boolean): string {
  let shape = '';
  for (let y = 0; y < CELL.height; y++) for (let x = 0; x < CELL.width; x++) shape += lit(x, y) ? '#' : '.';
  return shape;
}
