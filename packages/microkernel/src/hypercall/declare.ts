/**
 * Hypercalls are declared here, decoded by `dispatch.ts`, then run: one row each. What the specification says of a
 * call's form (fixed, variable and repeated input, output, privilege) is data; only `run` is code.
 */
import type { Field } from '@ringlet/wire';
import type { Privilege } from '../partition/privileges.ts';
import { HvStatus } from '../status.ts';
import type { VpContext } from '../vp/context.ts';

/** Private copies of one call's parameters. One per thread, reused: nothing in it outlives the call. */
export class Frame {
  readonly inputBytes = new Uint8Array(4096);
  readonly input = new DataView(this.inputBytes.buffer);
  readonly outputBytes = new Uint8Array(4096);
  readonly output = new DataView(this.outputBytes.buffer);
  /** Bytes of the variable header that follows the fixed input. */
  variableBytes = 0;
  repStart = 0;
  repCount = 0;
  /** Bytes of input that were copied, and of output that were written: what there is to trace. */
  inputUsed = 0;
  outputUsed = 0;
  /** Out: reps complete, counted from 0 and not from `repStart`. */
  repsDone = 0;
}

/** What a call takes and gives: the fixed input, one element of its input list, the output, one element of that. */
interface HypercallForm {
  readonly input?: Field<any> | undefined;
  readonly element?: Field<any> | undefined;
  readonly output?: Field<any> | undefined;
  readonly result?: Field<any> | undefined;
}

/** One row of the table: everything the dispatcher must know of a call. Sizes are in bytes. */
export interface Hypercall {
  readonly code: number;
  /** The specification's name. */
  readonly name: string;
  /** The declared parameters, for traces and tables. */
  readonly form: HypercallForm;
  readonly privilege: Privilege | undefined;
  readonly inputSize: number;
  readonly outputSize: number;
  /** Whether a variable header may follow the fixed input. */
  readonly variable: boolean;
  /** Sizes of one element of the input and output lists; absent for a simple call. */
  readonly rep: { readonly inputSize: number; readonly outputSize: number } | undefined;
  run(caller: VpContext, frame: Frame): HvStatus;
}

/** Declares a simple call without output. */
export function simpleCall<I>(row: {
  code: number;
  name: string;
  privilege?: Privilege;
  input: Field<I>;
  /** The input is followed by this many more bytes at most, given as variable header. */
  variable?: boolean;
  run(caller: VpContext, input: I, frame: Frame): HvStatus;
}): Hypercall {
  return {
    code: row.code,
    name: row.name,
    form: { input: row.input },
    privilege: row.privilege,
    inputSize: row.input.size,
    outputSize: 0,
    variable: row.variable ?? false,
    rep: undefined,
    run: (caller, frame) => row.run(caller, row.input.read(frame.input, 0), frame),
  };
}

/** Declares a simple call with output. `run` returns the output, or the status with which it fails. */
export function queryCall<I, O extends bigint | object>(row: {
  code: number;
  name: string;
  privilege?: Privilege;
  input?: Field<I>;
  output: Field<O>;
  run(caller: VpContext, input: I): O | HvStatus;
}): Hypercall {
  return {
    code: row.code,
    name: row.name,
    form: { input: row.input, output: row.output },
    privilege: row.privilege,
    inputSize: row.input?.size ?? 0,
    outputSize: row.output.size,
    variable: false,
    rep: undefined,
    run(caller, frame) {
      const result = row.run(caller, row.input?.read(frame.input, 0) as I);
      if (typeof result === 'number') return result;
      row.output.write(frame.output, 0, result);
      return HvStatus.Success;
    },
  };
}

/**
 * Declares a rep call: `run` once per element, from the start index on, until one fails. The elements before it are
 * reported as complete. Every list fits one page, so a call always finishes and never asks to be made again.
 */
export function repCall<I, E, O extends bigint | object = never>(row: {
  code: number;
  name: string;
  privilege?: Privilege;
  input: Field<I>;
  element?: Field<E>;
  result?: Field<O>;
  run(caller: VpContext, input: I, element: E, index: number): HvStatus | O;
}): Hypercall {
  const elementSize = row.element?.size ?? 0;
  const resultSize = row.result?.size ?? 0;
  return {
    code: row.code,
    name: row.name,
    form: { input: row.input, element: row.element, result: row.result },
    privilege: row.privilege,
    inputSize: row.input.size,
    outputSize: 0,
    variable: false,
    rep: { inputSize: elementSize, outputSize: resultSize },
    run(caller, frame) {
      const input = row.input.read(frame.input, 0);
      for (let index = frame.repStart; index < frame.repCount; index++) {
        const element = row.element?.read(frame.input, row.input.size + index * elementSize) as E;
        const result = row.run(caller, input, element, index);
        if (typeof result !== 'number') row.result?.write(frame.output, index * resultSize, result);
        else if (result !== HvStatus.Success) return result;
        frame.repsDone = index + 1;
      }
      return HvStatus.Success;
    },
  };
}
