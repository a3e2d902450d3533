import { type SourceFile, withoutComments } from './source-files.js';

/** Level of each folder of src/, by name. A file directly in src/ (main.ts) is above all of them. */
export type Floors = ReadonlyMap<string, number>;

const aboveAll = Number.POSITIVE_INFINITY;

/** Returns the table of docs/ARCHITECTURE.md: rows of `| level | folder | content |`. */
export function parseFloors(markdown: string): Floors {
  const rows = [...markdown.matchAll(/^\| (\d+) \| `src\/([\w-]+)\/` \|/gm)];
  return new Map(rows.map(([, level = '', folder = '']) => [folder, Number(level)]));
}

/** Folders that may import a package. A test refuses a dependency that is not listed here. */
export const packageHomes: Readonly<Record<string, RegExp>> = {
  '@aws-sdk/client-s3': /^src\/s3\//,
  '@aws-sdk/client-sqs': /^src\/events\/sqs-source\.ts$/,
  '@fastify/helmet': /^src\/console\//,
  '@fastify/rate-limit': /^src\/console\//,
  '@fastify/static': /^src\/console\//,
  '@mantine/core': /^packages\/console\//,
  '@mantine/hooks': /^packages\/console\//,
  '@node-rs/crc32': /^packages\/checksums\//,
  '@simplewebauthn/server': /^src\/people\//,
  '@scure/base': /^src\/(?:recovery\/shares|users\/logins\/totp)\.ts$/,
  '@sftpgw/checksums': /^(?:src|packages\/embedded-s3)\//,
  '@sftpgw/embedded-s3': /^src\/assembly\/embedded\.ts$/,
  '@smithy/core': /^src\/s3\//,
  '@sftpgw/ssh': /^src\/(?:sftp|users|cli|webhooks)\//,
  '@smithy/node-http-handler': /^src\/s3\//,
  '@tanstack/react-query': /^packages\/console\//,
  '@tanstack/react-virtual': /^packages\/console\//,
  'age-encryption': /^src\/keyring\/age\.ts$/,
  'better-sqlite3': /^(?:src\/database\/sqlite|packages\/embedded-s3\/storage)\//,
  commander: /^src\/cli\//,
  fastify: /^src\/(?:api\/server|console|files-page)\//,
  'fast-xml-parser': /^(?:src\/s3|packages\/embedded-s3)\//,
  kysely: /^src\/database\//,
  'openid-client': /^src\/console\/oidc\.ts$/,
  pg: /^src\/database\/postgres\//,
  pino: /^src\/assembly\/logger\.ts$/,
  'prom-client': /^src\/metrics\/gateway-metrics\.ts$/,
  react: /^packages\/console\//,
  'react-dom': /^packages\/console\/main\.tsx$/,
  'rate-limiter-flexible': /^src\/sftp\/defence\/counters\.ts$/,
  'shamir-secret-sharing': /^src\/recovery\/shares\.ts$/,
  typebox: /^src\/(?:api|endpoints|files-page)\//,
  uqr: /^packages\/console\/screens\/login\/qr-code\.tsx$/,
  wouter: /^packages\/console\//,
};

const vagueFolderNames = ['utils', 'util', 'helpers', 'helper', 'common', 'services', 'misc', 'lib'];

/** Returns true for tests and for code that only tests use. They may import anything. */
export function isTestCode(path: string): boolean {
  if (/(?:\.test|vitest\.config)\.tsx?$/.test(path) || path.startsWith('test/')) return true;
  return path.split('/').some((folder) => folder === 'testing' || folder === 'test');
}

/** Returns the folder of src/ that holds a file; null for a file directly in src/ and for files elsewhere. */
function folderOf(path: string): string | null {
  const [top, folder, below] = path.split('/');
  return top === 'src' && folder !== undefined && below !== undefined ? folder : null;
}

/** Returns `packages/NAME` for a file of a package, else null. */
function packageOf(path: string): string | null {
  const [top, name] = path.split('/');
  return top === 'packages' && name !== undefined ? `${top}/${name}` : null;
}

/** Returns the imports that go up or sideways, and those into or out of a package by a path. */
export function floorViolations(sources: readonly SourceFile[], floors: Floors): readonly string[] {
  const found: string[] = [];
  for (const { path, files } of sources.filter((source) => !isTestCode(source.path))) {
    for (const target of files) {
      if (!isAllowed(path, target, floors)) found.push(`${path} imports ${target}`);
    }
  }
  return found;
}

/** The file through which the pages know the types of the API. */
export const typesOfEndpoints = 'packages/console/api/endpoints.ts';

/** Returns the imports of a file that are not only types. */
export function valueImports({ text }: SourceFile): readonly string[] {
  return withoutComments(text)
    .split('\n')
    .filter((line) => /^import\b/.test(line) && !/^import type\b/.test(line));
}

function isAllowed(path: string, target: string, floors: Floors): boolean {
  if (isTestCode(target)) return false;
  const [from, to] = [packageOf(path), packageOf(target)];
  if (path === typesOfEndpoints && target.startsWith('src/endpoints/')) return true;
  if (from !== null || to !== null) return from === to;
  if (!target.startsWith('src/')) return false;
  const folder = folderOf(path);
  if (folder !== null && folder === folderOf(target)) return true;
  return levelOf(target, floors) < levelOf(path, floors);
}

function levelOf(path: string, floors: Floors): number {
  const folder = folderOf(path);
  return folder === null ? aboveAll : (floors.get(folder) ?? Number.NaN);
}

/** Returns the differences between the table and the folders, and the folder names that say nothing about their content. */
export function folderViolations(sources: readonly SourceFile[], floors: Floors): readonly string[] {
  const found = new Set<string>();
  const folders = new Set<string>();
  for (const { path } of sources) {
    for (const name of path.split('/').slice(0, -1)) {
      if (vagueFolderNames.includes(name)) found.add(`${path}: a folder named ${name}`);
    }
    const folder = folderOf(path);
    if (folder !== null) folders.add(folder);
  }
  for (const folder of folders) if (!floors.has(folder)) found.add(`src/${folder} is not in the table`);
  for (const folder of floors.keys()) if (!folders.has(folder)) found.add(`src/${folder} does not exist`);
  return [...found];
}

/** Returns the folders with more than `maxFiles` files directly in them. Tests do not count. */
export function crowdedFolders(sources: readonly SourceFile[], maxFiles: number): readonly string[] {
  const counts = new Map<string, number>();
  for (const { path } of sources.filter((source) => !isTestCode(source.path))) {
    const folder = path.slice(0, path.lastIndexOf('/'));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > maxFiles)
    .map(([folder, count]) => `${folder} has ${count} files`);
}

/** Returns the imports of packages outside their home, and of packages without a home. */
export function packageViolations(sources: readonly SourceFile[]): readonly string[] {
  const code = sources.filter((source) => !isTestCode(source.path));
  const found: string[] = [];
  for (const { path, packages } of code) {
    for (const name of new Set(packages)) {
      const home = packageHomes[name];
      if (home === undefined) found.push(`${path} imports ${name}, which has no home`);
      else if (!home.test(path)) found.push(`${path} imports ${name}`);
    }
  }
  return found;
}

/** The files of src/ that the console's process may load. */
const consoleFiles = /^src\/(?:console|api|model)\/|^src\/(?:files\/system-errors|concurrency\/[\w-]+)\.ts$/;

/**
 * Returns the files that the console's process would load from other folders than its own: it must not have the
 * keyring, S3 or the database, even by mistake. Type-only imports count.
 */
export function consoleReach(sources: readonly SourceFile[]): readonly string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set<string>();
  const open = ['src/console/main.ts'];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    open.push(...(byPath.get(path)?.files ?? []));
  }
  return [...reached].filter((path) => !consoleFiles.test(path)).sort();
}

/** Returns the import cycles between files. Type-only imports and test code count. Each cycle is listed once, from its first path. */
export function cycleViolations(sources: readonly SourceFile[]): readonly string[] {
  const imports = new Map(sources.map(({ path, files }) => [path, files]));
  const state = new Map<string, 'open' | 'done'>();
  const trail: string[] = [];
  const found = new Set<string>();
  const visit = (path: string): void => {
    state.set(path, 'open');
    trail.push(path);
    for (const target of imports.get(path) ?? []) {
      if (state.get(target) === 'open') found.add(nameCycle(trail.slice(trail.indexOf(target))));
      else if (!state.has(target) && imports.has(target)) visit(target);
    }
    trail.pop();
    state.set(path, 'done');
  };
  for (const path of imports.keys()) if (!state.has(path)) visit(path);
  return [...found];
}

function nameCycle(cycle: readonly string[]): string {
  const first = cycle.indexOf([...cycle].sort()[0] ?? '');
  const rotated = [...cycle.slice(first), ...cycle.slice(0, first)];
  return [...rotated, rotated[0]].join(' -> ');
}

/** Returns the files past the limit. */
export function lengthViolations(
  sources: readonly SourceFile[],
  maxLines: number,
  excepted: readonly string[],
): readonly string[] {
  return sources
    .filter((source) => !excepted.includes(source.path))
    .map((source) => ({ path: source.path, lines: source.text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > maxLines)
    .map(({ path, lines }) => `${path} has ${lines} lines`);
}

/** Returns the files that print without the logger or the command line's shell. */
export function consoleViolations(sources: readonly SourceFile[]): readonly string[] {
  return sources
    .filter(({ path }) => path.startsWith('src/') && !path.startsWith('src/cli/') && !isTestCode(path))
    .filter(({ text }) =>
      /\bconsole\.(?:log|error|warn|info|debug|trace|table|dir)\b/.test(withoutComments(text)),
    )
    .map(({ path }) => `${path} uses console`);
}
