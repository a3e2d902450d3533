// Builds the files page (packages/files-page) into dist/files: one document, one script and one style sheet.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Builds into `dist/files` of the project. */
export async function buildFilesPage(project) {
  const source = join(project, 'packages/files-page');
  const out = join(project, 'dist/files');
  mkdirSync(out, { recursive: true });
  await build({
    absWorkingDir: project,
    entryPoints: { page: join(source, 'main.ts') },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: ['chrome111', 'firefox115', 'safari16.4'],
    outdir: out,
    legalComments: 'none',
    logLevel: 'warning',
  });
  await build({
    absWorkingDir: project,
    entryPoints: { page: join(source, 'page.css') },
    minify: true,
    outdir: out,
    logLevel: 'warning',
  });
  for (const name of ['index.html', 'icon.svg']) copyFileSync(join(source, name), join(out, name));
}
