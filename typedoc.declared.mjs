/**
 * For typedoc's `notDocumented`: what a declaration names as its specification does needs no sentence of its own. These are
 * the fields of wire structs and the rows of tables of constants, which typedoc sees as properties of a type literal; where
 * more is to be said of one, a comment stands there. Everything else that is exported must be documented.
 */
import { Converter, ReflectionKind } from 'typedoc';

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    const declared = project
      .getReflectionsByKind(ReflectionKind.Property)
      .filter((each) => !each.hasComment() && isInTypeLiteral(each) && isAskedFor(each, project))
      .map((each) => each.getFriendlyFullName());
    app.options.setValue('intentionallyNotDocumented', [...new Set(declared)]);
  });
}

/** @param {import('typedoc').Reflection} reflection */
function isInTypeLiteral({ parent }) {
  return parent !== undefined && (parent.kindOf(ReflectionKind.TypeLiteral) || isInTypeLiteral(parent));
}

/**
 * Whether typedoc would ask: it does not for parameters, and not for what another package declares. A name that it would not
 * ask for is a warning, too.
 *
 * @param {import('typedoc').Reflection} reflection
 * @param {import('typedoc').ProjectReflection} project
 */
function isAskedFor(reflection, project) {
  const symbol = project.getSymbolIdFromReflection(reflection);
  if (symbol === undefined || symbol.packageName !== project.packageName) return false;
  for (let each = reflection.parent; each; each = each.parent) {
    if (each.kindOf(ReflectionKind.Parameter)) return false;
  }
  return true;
}
