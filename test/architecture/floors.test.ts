import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  consoleReach,
  consoleViolations,
  crowdedFolders,
  cycleViolations,
  floorViolations,
  folderViolations,
  isTestCode,
  lengthViolations,
  packageHomes,
  packageViolations,
  parseFloors,
  typesOfEndpoints,
  valueImports,
} from './rules.js';
import { parseSource, project, readSources } from './source-files.js';

const sources = readSources('src', 'packages');

const code = sources.filter((source) => !isTestCode(source.path));
const table = parseFloors(readFileSync(join(project, 'docs/ARCHITECTURE.md'), 'utf8'));

/** Files that may be longer than the limit, each with its reason. */
const longFiles: readonly string[] = [];
const maxLines = 350;
const maxFilesPerFolder = 26;

describe('the source tree', () => {
  it('is read whole: model, main and the packages are among the files', () => {
    const paths = sources.map((source) => source.path);
    expect(paths).toContain('src/model/fault.ts');
    expect(paths).toContain('src/main.ts');
    expect(paths.some((path) => path.startsWith('packages/embedded-s3/'))).toBe(true);
  });

  it('has the folders of the table in docs/ARCHITECTURE.md, all of them and no others', () =>
    expect(folderViolations(sources, table)).toEqual([]));

  it('imports only from lower levels of that table', () =>
    expect(floorViolations(sources, table)).toEqual([]));

  it('has no import cycle between files', () => expect(cycleViolations(sources)).toEqual([]));

  it('imports each package only in its home', () => expect(packageViolations(sources)).toEqual([]));

  it('has a home for each runtime dependency', () => {
    const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    expect(Object.keys(manifest.dependencies).filter((name) => packageHomes[name] === undefined)).toEqual([]);
  });

  it(`has at most ${maxFilesPerFolder} files in one folder`, () =>
    expect(crowdedFolders(sources, maxFilesPerFolder)).toEqual([]));

  it(`has files of at most ${maxLines} lines`, () =>
    expect(lengthViolations(code, maxLines, longFiles)).toEqual([]));

  it('excepts only files that need it', () =>
    expect(lengthViolations(code, maxLines, []).map((text) => text.split(' ')[0])).toEqual(longFiles));

  it('keeps keys, S3 and the database away from the console’s process', () =>
    expect(consoleReach(sources)).toEqual([]));

  it('gives the pages the types of the API, and no code of the gateway', () => {
    const types = sources.find(({ path }) => path === typesOfEndpoints);
    expect(types?.files.length).toBeGreaterThan(10);
    expect(types === undefined ? null : valueImports(types)).toEqual([]);
    expect(valueImports(parseSource('a.ts', "import type { A } from './a.js';\nimport './b.js';"))).toEqual([
      "import './b.js';",
    ]);
  });

  it('writes to the console only from the command line', () =>
    expect(consoleViolations(sources)).toEqual([]));

  it('has a lock file without the address of a registry', () => {
    expect(readFileSync(join(project, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved": "\w+:/);
  });
});

describe('the rules', () => {
  const file = (path: string, text: string) => [parseSource(path, text)];

  it.each([
    ['up', 'src/users/a.ts', "import { b } from '../config/b.js';"],
    ['sideways', 'src/mirror/a.ts', "import type { B } from '../rotation/b.js';"],
    ['up, dynamically', 'src/vfs/a.ts', "const b = await import('../sftp/b.js');"],
    ['up, by require', 'src/vfs/a.ts', "const b = require('../sftp/b.js');"],
    [
      'up, by a require of its own',
      'src/vfs/a.ts',
      "const b = createRequire(import.meta.url)('../sftp/b.js');",
    ],
    ['up, re-exporting', 'src/model/a.ts', "export * from '../files/b.js';"],
    ['up, over several lines', 'src/database/a.ts', "import {\n  b,\n} from '../vault/b.js';"],
    [
      'into a package by its path',
      'src/assembly/a.ts',
      "import { b } from '../../packages/embedded-s3/b.js';",
    ],
    ['out of a package', 'packages/embedded-s3/a.ts', "import { b } from '../../src/model/b.js';"],
    ['from test code', 'src/vfs/a.ts', "import { b } from '../../test/support/b.js';"],
    ['from main', 'src/cli/a.ts', "import '../main.js';"],
  ])('refuse an import %s', (_, path, text) => {
    expect(floorViolations(file(path, text), table)).toHaveLength(1);
  });

  it.each([
    ['down', 'src/cli/a.ts', "import { b } from '../model/b.js';"],
    ['within a folder', 'src/s3/a.ts', "import { b } from './parts/b.js';"],
    ['within a package', 'packages/embedded-s3/http/a.ts', "import { b } from '../b.js';"],
    ['of the settings while assembling', 'src/assembly/a.ts', "import { b } from '../config/b.js';"],
    ['in a comment', 'src/model/a.ts', "/* import { b } from '../cli/b.js'; */\n// import '../cli/b.js'"],
    ['of a test', 'src/model/a.test.ts', "import { b } from '../cli/b.js';"],
  ])('allow an import %s', (_, path, text) => {
    expect(floorViolations(file(path, text), table)).toEqual([]);
  });

  it('refuse a folder that the table lacks, a row without a folder, and a name without meaning', () => {
    const floors = parseFloors('| 1 | `src/s3/` | S3 |\n| 0 | `src/model/` | nouns |\n');
    const found = folderViolations([...file('src/attic/a.ts', ''), ...file('src/s3/utils/a.ts', '')], floors);
    expect(found).toContain('src/attic is not in the table');
    expect(found).toContain('src/model does not exist');
    expect(found).toHaveLength(3);
  });

  it('refuse an import cycle, type-only ones too, and name it once', () => {
    const cycle = [
      ...file('src/s3/a.ts', "import { b } from './b.js';"),
      ...file('src/s3/b.ts', "import type { C } from './c.js';"),
      ...file('src/s3/c.ts', "import { a } from './a.js';"),
      ...file('src/s3/d.ts', "import { a } from './a.js';"),
    ];
    expect(cycleViolations(cycle)).toEqual(['src/s3/a.ts -> src/s3/b.ts -> src/s3/c.ts -> src/s3/a.ts']);
    expect(cycleViolations(cycle.slice(0, 2))).toEqual([]);
  });

  it.each([
    ['in another folder', 'src/vault/a.ts', "import { S3Client } from '@aws-sdk/client-s3';"],
    ['in another file', 'src/events/a.ts', "import { SQSClient } from '@aws-sdk/client-sqs';"],
    ['without a home', 'src/events/a.ts', "import { x } from '@aws-sdk/client-sns';"],
    ['in another part of its folder', 'src/database/ledger/a.ts', "import Database from 'better-sqlite3';"],
    ['by require', 'src/vault/a.ts', "const { crc32c } = createRequire(import.meta.url)('@node-rs/crc32');"],
  ])('refuse a package %s', (_, path, text) => {
    expect(packageViolations(file(path, text))).toHaveLength(1);
  });

  it('allow a package at home, and no other SSH server', () => {
    expect(packageViolations(file('src/events/sqs-source.ts', "import '@aws-sdk/client-sqs';"))).toEqual([]);
    expect(packageViolations(file('src/sftp/a.ts', "import '@sftpgw/ssh';"))).toEqual([]);
    expect(packageViolations(file('src/vault/a.ts', "import '@sftpgw/ssh';"))).toHaveLength(1);
    expect(packageViolations(file('src/sftp/a.ts', "import ssh2 from 'ssh2';"))).toHaveLength(1);
  });

  it('follow the imports of the console’s process', () => {
    const found = consoleReach([
      ...file('src/console/main.ts', "import { a } from '../api/a.js';"),
      ...file('src/api/a.ts', "import type { K } from '../keyring/k.js';"),
      ...file('src/keyring/k.ts', ''),
    ]);
    expect(found).toEqual(['src/keyring/k.ts']);
  });

  it('refuse long files, crowded folders and the console', () => {
    expect(lengthViolations(file('src/s3/a.ts', 'x\n'.repeat(3)), 2, [])).toHaveLength(1);
    const three = ['a', 'b', 'a.test'].flatMap((name) => file(`src/s3/${name}.ts`, ''));
    expect(crowdedFolders(three, 2)).toEqual([]);
    expect(crowdedFolders(three, 1)).toEqual(['src/s3 has 2 files']);
    expect(consoleViolations(file('src/s3/a.ts', "console.log('x');"))).toHaveLength(1);
    expect(consoleViolations(file('src/cli/a.ts', "console.log('x');"))).toEqual([]);
  });
});
