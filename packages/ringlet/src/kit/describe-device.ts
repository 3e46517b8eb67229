/** What a device file declares: its identifiers, options and packets. */
import { resolve } from 'node:path';
import { statSync } from 'node:fs';
import { recordedWorld, smallMemory } from '@ringlet/root-partition/testing';
import type { ProtocolDescription, Vsp, VspClass } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import { optionsOf } from '../configuration/device-options.ts';
import { bundle } from '../host/bundle.ts';
import { originalPositions } from '../host/source-positions.ts';

/** One option of a device. */
export interface DeviceOptionRow {
  readonly name: string;
  /** `integer from 1 to 100`, `one of "a", "b"`. */
  readonly type: string;
  readonly needed: boolean;
  /** What it is without being given; `undefined` when it is nothing, or needed. */
  readonly otherwise: unknown;
  readonly about: string;
}

/** A device file, described. */
export interface DeviceDescription {
  /** As it was given. */
  readonly file: string;
  /** Of the device that it makes without options; `undefined` when it needs some. */
  readonly offer: Vsp['offer'] | undefined;
  /** JSON Schema of an object of its options; `undefined` when it declares none. */
  readonly schema: OptionsJsonSchema | undefined;
  readonly options: readonly DeviceOptionRow[];
  readonly protocol: ProtocolDescription | undefined;
}

/** What is used of a JSON Schema. */
interface OptionsJsonSchema {
  readonly properties?: Readonly<Record<string, OptionJsonSchema>>;
  readonly required?: readonly string[];
}

interface OptionJsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly OptionJsonSchema[];
  readonly items?: OptionJsonSchema;
}

/** Standard JSON Schema, which schema libraries offer beside their Standard Schema. */
interface JsonSchemaOf {
  readonly jsonSchema?: { input(options: { target: string }): unknown };
}

/** Loads a device file, in this process, and says what it declares. @throws UserError */
export async function describeDevice(file: string): Promise<DeviceDescription> {
  const path = resolve(file);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new UserError('device-not-found', `no device at ${path}`, { hint: 'check the path' });
  }
  const url = await bundle('describe', `export { default } from ${JSON.stringify(path)};`);
  let Device: VspClass;
  try {
    ({ default: Device } = (await import(url.href)) as { default: VspClass });
  } catch (cause) {
    const stack = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    throw new UserError('device-invalid', `${file} could not be loaded: ${originalPositions(stack)}`, { cause });
  }
  if (typeof Device !== 'function') {
    throw new UserError('device-invalid', `${file} holds no device: its default export is not a class`, {
      hint: 'export default class Mine implements Vsp { … }; see docs/guide/write-a-device.md',
    });
  }
  const schema = schemaOf(Device);
  const vsp = made(Device);
  return { file, offer: vsp?.offer, protocol: vsp?.protocol, schema, options: rowsOf(schema) };
}

function schemaOf(Device: VspClass): OptionsJsonSchema | undefined {
  const standard = optionsOf(Device)?.['~standard'] as JsonSchemaOf | undefined;
  if (standard === undefined) return undefined;
  return (standard.jsonSchema?.input({ target: 'draft-2020-12' }) as OptionsJsonSchema | undefined) ?? {};
}

/** The device with the defaults of its options; `undefined` when it cannot be made so. */
function made(Device: VspClass): Vsp | undefined {
  try {
    const options = optionsOf(Device)?.['~standard'].validate({});
    if (options instanceof Promise || options?.issues) return undefined;
    const vsp = new Device(recordedWorld(smallMemory()), options?.value as never);
    vsp.dispose?.(() => {});
    return vsp;
  } catch {
    return undefined;
  }
}

function rowsOf(schema: OptionsJsonSchema | undefined): DeviceOptionRow[] {
  const { properties = {}, required = [] } = schema ?? {};
  return Object.entries(properties).map(([name, option]) => ({
    name,
    type: typeOf(option),
    needed: required.includes(name),
    otherwise: option.default,
    about: option.description ?? '',
  }));
}

function typeOf({ type, enum: values, const: only, minimum, maximum, anyOf, items }: OptionJsonSchema): string {
  if (values) return `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`;
  if (only !== undefined) return JSON.stringify(only);
  if (anyOf) return anyOf.map(typeOf).join(' or ');
  if (items) return `list of ${typeOf(items)}`;
  const word = type === undefined ? 'any value' : [type].flat().join(' or ');
  // What a number of JavaScript can hold is no limit that anybody set.
  const limit = (bound: number | undefined): bound is number =>
    bound !== undefined && Math.abs(bound) !== Number.MAX_SAFE_INTEGER;
  if (limit(minimum) && limit(maximum)) return `${word} from ${minimum} to ${maximum}`;
  if (limit(minimum)) return `${word}, at least ${minimum}`;
  return limit(maximum) ? `${word}, at most ${maximum}` : word;
}
