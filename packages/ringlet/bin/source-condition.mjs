// A module resolution hook: packages of this repository resolve to their TypeScript sources.

/** Adds the condition under which each package exports its sources. */
export function resolve(specifier, context, next) {
  return next(specifier, { ...context, conditions: [...context.conditions, '@ringlet/source'] });
}
