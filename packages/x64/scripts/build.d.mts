/**
 * Compiles the processor's core when it is missing or older than its sources.
 *
 * @param force - compile in any case
 * @returns the path of the module
 */
export function buildCore(force?: boolean): Promise<string>;

/** Names of the functions that execute instructions, with their modules. */
export function handlersOf(): Map<string, string>;
