// Builds the pages of the console (packages/console) into dist/console: one document, scripts and styles with hashed
// names, each with a compressed copy, and the list of pages that the server answers with the document.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Builds into `dist/console` of the project. */
export async function buildConsole(project) {
  const source = join(project, 'packages/console');
  const out = join(project, 'dist/console');
  const assets = join(out, 'assets');
  mkdirSync(assets, { recursive: true });
  const common = {
    absWorkingDir: project,
    bundle: true,
    minify: true,
    platform: 'browser',
    target: ['chrome111', 'firefox114', 'safari16.4'],
    outdir: assets,
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    define: { 'process.env.NODE_ENV': '"production"' },
    legalComments: 'external',
    metafile: true,
    logLevel: 'warning',
  };
  const [pages, theme] = await Promise.all([
    build({
      ...common,
      entryPoints: [join(source, 'main.tsx')],
      format: 'esm',
      splitting: true,
      jsx: 'automatic',
    }),
    build({ ...common, entryPoints: [join(source, 'theme.ts')], format: 'iife' }),
  ]);
  const script = outputOf(pages.metafile, 'packages/console/main.tsx');
  const style = basename(pages.metafile.outputs[script].cssBundle);
  writeFileSync(
    join(out, 'index.html'),
    documentOf(basename(outputOf(theme.metafile, 'packages/console/theme.ts')), basename(script), style),
  );
  writeFileSync(join(assets, 'icon.svg'), readFileSync(join(source, 'icon.svg')));
  const { pages: paths } = await import(join(source, 'routes.ts'));
  writeFileSync(join(out, 'pages.json'), `${JSON.stringify(paths)}\n`);
  for (const name of readdirSync(assets)) {
    if (!/\.(?:js|css|svg)$/.test(name)) continue;
    const bytes = readFileSync(join(assets, name));
    writeFileSync(join(assets, `${name}.gz`), gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }));
  }
}

function outputOf({ outputs }, entryPoint) {
  const [path] = Object.entries(outputs).find(([, output]) => output.entryPoint === entryPoint) ?? [];
  if (path === undefined) throw new Error(`the build has no output for ${entryPoint}`);
  return path;
}

function documentOf(theme, script, style) {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>sftpgw</title>
    <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
    <script src="/assets/${theme}"></script>
    <link rel="stylesheet" href="/assets/${style}" />
    <script type="module" src="/assets/${script}"></script>
  </head>
  <body>
    <div id="root"></div>
    <noscript>The console needs JavaScript. Its operations are also commands: sftpgw help</noscript>
  </body>
</html>
`;
}
