/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  entryPointStrategy: 'packages',
  entryPoints: ['packages/*'],
  // No links to a forge: the documentation is the same wherever the clone came from.
  packageOptions: { includeVersion: true, excludeInternal: true, disableGit: true, disableSources: true },
  projectDocuments: ['docs/guide/*.md'],
  name: 'Ringlet',
  out: 'docs/api',
  readme: 'README.md',
  highlightLanguages: [
    'bash',
    'console',
    'css',
    'html',
    'javascript',
    'json',
    'jsonc',
    'json5',
    'yaml',
    'tsx',
    'typescript',
    'c',
  ],
  validation: { notExported: true, invalidLink: true, rewrittenLink: true },
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
};
