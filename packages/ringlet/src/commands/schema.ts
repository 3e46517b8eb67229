/** `ringlet schema`: the JSON Schema of machine files, for editors. */
import { machineJsonSchema } from '../configuration/machine-schema.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** The schema as it is published. */
export function schemaText(): string {
  return `${JSON.stringify(machineJsonSchema(), undefined, 2)}\n`;
}

/** Runs the command. */
export function printSchema(host: CommandHost): ExitCode {
  host.out(schemaText());
  return ExitCode.Success;
}
