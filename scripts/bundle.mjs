// Makes the programs in dist/bin: one file each, and what they load later in files of its own. Loading several hundred
// modules one by one took more than half the time of a short command.
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const packageJson = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
const out = join(project, 'dist/bin');
const sources = {
  sftpgw: 'src/main.ts',
  addsftpuser: 'src/cli/bin/addsftpuser.ts',
  deletesftpuser: 'src/cli/bin/deletesftpuser.ts',
  sftpgatewaysetup: 'src/cli/bin/sftpgatewaysetup.ts',
};

rmSync(out, { recursive: true, force: true });
await build({
  absWorkingDir: project,
  entryPoints: sources,
  outdir: out,
  chunkNames: 'lib/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  // ES modules where packages have them: what is not used of them is left out.
  mainFields: ['module', 'main'],
  target: 'node20.19',
  minifySyntax: true,
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'eof',
  logLevel: 'warning',
  // They find native code, or a worker's file, beside their own files.
  external: ['better-sqlite3', 'better-sqlite3-node-api', 'pino', 'ssh2', 'ssh2/*'],
  // CommonJS packages ask for Node's own modules by `require`, which an ES module does not have.
  banner: {
    js: "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);",
  },
});
for (const program of Object.values(packageJson.bin)) chmodSync(join(project, program), 0o755);
