/**
 * The modules that `npm run mutate` mutates, in the order of a full run: small ones first. `mutate` names every
 * source file of the module. `tests` names the unit and property tests that have to notice: the module's own, and
 * those of the folders that are built directly on it.
 */
const own = (folder) => [`src/${folder}/**/*.test.ts`];

export const modules = {
  model: { mutate: ['src/model/**/*.ts'], tests: own('model') },
  files: { mutate: ['src/files/**/*.ts'], tests: own('files') },
  keyring: { mutate: ['src/keyring/**/*.ts'], tests: own('keyring') },
  database: {
    mutate: ['src/database/**/*.ts'],
    // The tables of these folders are tested with the code that uses them.
    tests: ['database', 'mirror', 'rotation', 'audit', 'people', 'webhooks'].flatMap(own),
  },
  rotation: { mutate: ['src/rotation/**/*.ts'], tests: own('rotation') },
  s3: { mutate: ['src/s3/errors/**/*.ts', 'src/s3/retry.ts'], tests: own('s3') },
  recovery: { mutate: ['src/recovery/**/*.ts'], tests: own('recovery') },
  users: { mutate: ['src/users/**/*.ts'], tests: own('users') },
  vfs: { mutate: ['src/vfs/**/*.ts'], tests: own('vfs') },
  vault: {
    mutate: ['src/vault/**/*.ts'],
    tests: [...own('vault'), ...own('vfs/uploads'), ...own('rotation')],
  },
  webhooks: { mutate: ['src/webhooks/**/*.ts'], tests: own('webhooks') },
  people: { mutate: ['src/people/**/*.ts'], tests: own('people') },
  audit: { mutate: ['src/audit/**/*.ts'], tests: own('audit') },
};
