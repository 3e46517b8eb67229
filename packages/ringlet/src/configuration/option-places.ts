/** Where a machine file says what a device is told: `file:line:column` of each option, for errors that come much later. */
import { type Document, isMap, isNode, isScalar, isSeq } from 'yaml';

/** Where the options of one device are written. Plain data: it goes along to the thread that makes the device. */
export interface OptionPlaces {
  /** Of the device itself, for an option that is missing. */
  readonly device: string;
  /** Of each name of an option. */
  readonly names: Readonly<Record<string, string>>;
  /** Of each value, and of what is inside it, by its path: `lanes`, `lanes.2`. */
  readonly values: Readonly<Record<string, string>>;
}

/**
 * Looks up the options of the device that is written at `path`.
 *
 * @param at - says `file:line:column` of an offset
 * @returns `undefined` when what stands there is no mapping, or is written elsewhere (an alias)
 */
export function optionPlaces(
  document: Document,
  path: readonly PropertyKey[],
  at: (offset: number) => string,
): OptionPlaces | undefined {
  const device = document.getIn(path, true);
  if (!isMap(device) || !device.range) return undefined;
  const names: Record<string, string> = {};
  const values: Record<string, string> = {};
  const note = (node: unknown, inside: string): void => {
    if (!isNode(node) || !node.range) return;
    values[inside] = at(node.range[0]);
    if (isSeq(node)) node.items.forEach((item, i) => note(item, `${inside}.${i}`));
    if (isMap(node)) for (const { key, value } of node.items) note(value, `${inside}.${nameOf(key)}`);
  };
  const options = device.get('options', true);
  if (isMap(options)) {
    for (const { key, value } of options.items) {
      const name = nameOf(key);
      if (isNode(key) && key.range) names[name] = at(key.range[0]);
      note(value, name);
    }
  }
  return { device: at(device.range[0]), names, values };
}

const nameOf = (key: unknown): string => String(isScalar(key) ? key.value : key);

/** Where the value of an option stands, or the nearest thing around it that is written. */
export function placeOfOption({ device, values }: OptionPlaces, path: readonly string[]): string {
  for (let length = path.length; length > 0; length--) {
    const place = values[path.slice(0, length).join('.')];
    if (place !== undefined) return place;
  }
  return device;
}
