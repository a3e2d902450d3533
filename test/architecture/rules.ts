import { type SourceFile, withoutComments } from './source-files.js';

/** The floors of docs/ARCHITECTURE.md. A file directly in src/ (main.ts) stands above all of them. */
export const floors: Readonly<Record<string, number>> = {
  cli: 7,
  daemon: 6,
  config: 6,
  sftp: 5,
  http: 5,
  vfs: 4,
  mirror: 4,
  objects: 4,
  rotation: 4,
  provisioning: 4,
  doctor: 4,
  vault: 3,
  recovery: 3,
  s3: 2,
  keyring: 2,
  ledger: 2,
  'mirror-state': 2,
  'rotation-state': 2,
  users: 2,
  events: 2,
  db: 1,
  checksums: 1,
  files: 1,
  model: 0,
};

const aboveAll = 8;
/** Where the rooms of one floor meet, and where the embedded S3 server is started. */
const meetingPlace = 'src/daemon/';
const embeddedServer = 'src/assembly/embedded.ts';

/** Which folder may know a package; the packages that are not here may be used anywhere. */
export const packageHomes: Readonly<Record<string, RegExp>> = {
  '@aws-sdk/client-s3': /^src\/s3\//,
  '@aws-sdk/client-sqs': /^src\/events\/sqs-source\.ts$/,
  '@smithy/node-http-handler': /^src\/s3\//,
  '@node-rs/crc32': /^(?:src|embedded-s3)\/checksums\/crc32c\.ts$/,
  'better-sqlite3': /^(?:src\/db|embedded-s3)\//,
  commander: /^src\/cli\//,
  'shamir-secret-sharing': /^src\/recovery\/shares\.ts$/,
  pino: /^src\/daemon\/logger\.ts$/,
  ssh2: /^src\/sftp\//,
};

const roomlessNames = ['utils', 'util', 'helpers', 'helper', 'common', 'services', 'misc', 'lib'];

/** Test code may import anything: tests, and what only they use. */
export function isTestCode(path: string): boolean {
  return path.endsWith('.test.ts') || path.split('/').includes('testing') || path.startsWith('test/');
}

/** The room a file of src/ is in; null for one directly in src/, and for files elsewhere. */
function roomOf(path: string): string | null {
  const [top, room, below] = path.split('/');
  return top === 'src' && room !== undefined && below !== undefined ? room : null;
}

function floorOf(path: string): number {
  const room = roomOf(path);
  return room === null ? aboveAll : (floors[room] ?? Number.NaN);
}

/** Imports that go up or sideways, or into the embedded S3 server, or out of it. */
export function floorViolations(sources: readonly SourceFile[]): readonly string[] {
  const found: string[] = [];
  for (const { path, files } of sources.filter((source) => !isTestCode(source.path))) {
    for (const target of files) {
      if (!isAllowed(path, target)) found.push(`${path} imports ${target}`);
    }
  }
  return found;
}

function isAllowed(path: string, target: string): boolean {
  if (isTestCode(target)) return false;
  if (path.startsWith('embedded-s3/')) return target.startsWith('embedded-s3/');
  if (target.startsWith('embedded-s3/')) return path === embeddedServer;
  if (!target.startsWith('src/')) return false;
  const room = roomOf(path);
  if (room !== null && room === roomOf(target)) return true;
  if (path.startsWith(meetingPlace) && roomOf(target) === 'config') return true;
  return floorOf(target) < floorOf(path);
}

/** Rooms that have no floor, and names that say nothing of what a folder holds. */
export function folderViolations(sources: readonly SourceFile[]): readonly string[] {
  const found = new Set<string>();
  for (const { path } of sources) {
    const folders = path.split('/').slice(0, -1);
    for (const folder of folders)
      if (roomlessNames.includes(folder)) found.add(`${path}: a folder named ${folder}`);
    const room = roomOf(path);
    if (room !== null && floors[room] === undefined) found.add(`src/${room} has no floor`);
  }
  return [...found];
}

/** Packages outside their home, and a home in which more than one file knows ssh2. */
export function packageViolations(sources: readonly SourceFile[]): readonly string[] {
  const code = sources.filter((source) => !isTestCode(source.path));
  const found: string[] = [];
  for (const { path, packages } of code) {
    for (const name of new Set(packages)) {
      const home =
        packageHomes[name] ?? (name.startsWith('@aws-sdk/') ? packageHomes['@aws-sdk/client-s3'] : undefined);
      if (home !== undefined && !home.test(path)) found.push(`${path} imports ${name}`);
    }
  }
  const transports = code.filter((source) => source.packages.includes('ssh2')).map((source) => source.path);
  if (transports.length > 1) found.push(`more than one file imports ssh2: ${transports.join(', ')}`);
  return found;
}

/** Files past the limit. */
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

/** Output that goes around the logger and the command line's shell. */
export function consoleViolations(sources: readonly SourceFile[]): readonly string[] {
  return sources
    .filter(({ path }) => path.startsWith('src/') && !path.startsWith('src/cli/') && !isTestCode(path))
    .filter(({ text }) => /\bconsole\.\w/.test(withoutComments(text)))
    .map(({ path }) => `${path} uses console`);
}
