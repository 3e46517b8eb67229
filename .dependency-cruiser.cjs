/** Imports only go down: the tiers of docs/guide/architecture.md, enforced. */
const below = {
  wire: [],
  microkernel: ['wire'],
  x64: ['wire', 'microkernel'],
  vmbus: ['wire', 'microkernel'],
  protocols: ['wire'],
  'root-partition': ['wire', 'microkernel', 'vmbus', 'protocols'],
  'child-partition': ['wire', 'microkernel', 'vmbus', 'protocols'],
};

module.exports = {
  forbidden: [
    {
      // Types may refer to each other; modules that need each other to run may not.
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unlisted',
      severity: 'error',
      from: { pathNot: '\\.test\\.tsx?$|^packages/[^/]+/(tests|fuzz)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    ...Object.entries(below).map(([name, allowed]) => ({
      name: `${name}-imports-only-down`,
      severity: 'error',
      from: { path: `^packages/${name}/` },
      to: { path: '^packages/', pathNot: [name, ...allowed].map((tier) => `^packages/${tier}/`) },
    })),
    {
      name: 'microkernel-has-no-third-party-code',
      severity: 'error',
      from: { path: '^packages/(wire|microkernel)/src', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['npm', 'core'] },
    },
    {
      name: 'core-has-no-host',
      severity: 'error',
      from: { path: '^packages/(vmbus|protocols|child-partition)/src', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-deep-imports',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/(?!$1/)[^/]+/src/(?!(index|testing)\\.ts)' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@ringlet/source', 'import', 'node', 'default'],
    },
    doNotFollow: { path: 'node_modules' },
    // AssemblyScript is compiled as one program: its files may refer to each other.
    exclude: { path: '(^|/)(dist|docs/api|x64/assembly)/' },
  },
};
