/** `ringlet schema`: the JSON Schema of machine files, for editors. */
import { basename } from 'node:path';
import { machineJsonSchema } from '../configuration/machine-schema.ts';
import { describeDevice } from '../kit/describe-device.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** The schema as it is published. */
export function schemaText(): string {
  return textOf(machineJsonSchema());
}

/** Runs the command. @param devices - device files whose options the schema is to know */
export async function printSchema(devices: readonly string[], host: CommandHost): Promise<ExitCode> {
  const described = await Promise.all(devices.map((file) => describeDevice(file)));
  const forms = described.map(({ file, schema }) => ({ file: basename(file), options: withoutDialect(schema) }));
  host.out(textOf(machineJsonSchema(forms)));
  return ExitCode.Success;
}

const textOf = (schema: Record<string, unknown>): string => `${JSON.stringify(schema, undefined, 2)}\n`;

/** Options of a device, as a part of another schema. A device without options takes none. */
function withoutDialect(schema: object = { type: 'object', additionalProperties: false }): object {
  const { $schema: _, ...rest } = schema as { $schema?: string };
  return rest;
}
