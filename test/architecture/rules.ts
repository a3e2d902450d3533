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
  '@node-rs/crc32': /^packages\/checksums\//,
  '@scure/base': /^src\/(?:recovery\/shares|users\/logins\/totp)\.ts$/,
  '@sftpgw/checksums': /^(?:src|packages\/embedded-s3)\//,
  '@sftpgw/embedded-s3': /^src\/assembly\/embedded\.ts$/,
  '@smithy/core': /^src\/s3\//,
  '@sftpgw/ssh': /^src\/(?:sftp|users|cli)\//,
  '@smithy/node-http-handler': /^src\/s3\//,
  'age-encryption': /^src\/keyring\/age\.ts$/,
  'better-sqlite3': /^(?:src\/database\/sqlite|packages\/embedded-s3\/storage)\//,
  commander: /^src\/cli\//,
  'fast-xml-parser': /^(?:src\/s3|packages\/embedded-s3)\//,
  kysely: /^src\/database\//,
  pino: /^src\/assembly\/logger\.ts$/,
  'rate-limiter-flexible': /^src\/sftp\/defence\/counters\.ts$/,
  'shamir-secret-sharing': /^src\/recovery\/shares\.ts$/,
};

const vagueFolderNames = ['utils', 'util', 'helpers', 'helper', 'common', 'services', 'misc', 'lib'];

/** Returns true for tests and for code that only tests use. They may import anything. */
export function isTestCode(path: string): boolean {
  if (/(?:\.test|vitest\.config)\.ts$/.test(path) || path.startsWith('test/')) return true;
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

function isAllowed(path: string, target: string, floors: Floors): boolean {
  if (isTestCode(target)) return false;
  const [from, to] = [packageOf(path), packageOf(target)];
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
    .filter(({ text }) => /\bconsole\.\w/.test(withoutComments(text)))
    .map(({ path }) => `${path} uses console`);
}
