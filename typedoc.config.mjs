/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  entryPointStrategy: 'packages',
  entryPoints: ['packages/*'],
  packageOptions: { includeVersion: true, excludeInternal: true },
  projectDocuments: ['docs/guide/*.md'],
  name: 'Ringlet',
  out: 'docs/api',
  readme: 'README.md',
  validation: { notExported: true, invalidLink: true, rewrittenLink: true },
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
};
