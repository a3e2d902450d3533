import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  consoleViolations,
  floorViolations,
  folderViolations,
  isTestCode,
  lengthViolations,
  packageViolations,
} from './rules.js';
import { parseSource, project, readSources } from './source-files.js';

const sources = readSources('src', 'embedded-s3');

const code = sources.filter((source) => !isTestCode(source.path));

/** Files that may be longer than the limit, each with its reason. */
const longFiles: readonly string[] = [];
const maxLines = 350;

describe('the house', () => {
  it('is read whole: its nouns, its doors and the embedded server are among the files', () => {
    const paths = sources.map((source) => source.path);
    expect(paths).toContain('src/model/fault.ts');
    expect(paths).toContain('src/main.ts');
    expect(paths.some((path) => path.startsWith('embedded-s3/'))).toBe(true);
  });

  it('imports only from floors below', () => expect(floorViolations(sources)).toEqual([]));

  it('names its rooms after what they hold', () => expect(folderViolations(sources)).toEqual([]));

  it('keeps each foreign library in its room', () => expect(packageViolations(sources)).toEqual([]));

  it(`has files of at most ${maxLines} lines`, () =>
    expect(lengthViolations(code, maxLines, longFiles)).toEqual([]));

  it('excepts only files that need it', () =>
    expect(lengthViolations(code, maxLines, []).map((text) => text.split(' ')[0])).toEqual(longFiles));

  it('writes to the console only from the command line', () =>
    expect(consoleViolations(sources)).toEqual([]));

  it('has a lock file without the address of a registry', () => {
    expect(readFileSync(join(project, 'package-lock.json'), 'utf8')).not.toContain('"resolved"');
  });
});

describe('the rules', () => {
  const file = (path: string, text: string) => [parseSource(path, text)];

  it.each([
    ['up', 'src/users/a.ts', "import { b } from '../config/b.js';"],
    ['sideways', 'src/s3/a.ts', "import type { B } from '../ledger/b.js';"],
    ['up, dynamically', 'src/vfs/a.ts', "const b = await import('../sftp/b.js');"],
    ['up, re-exporting', 'src/model/a.ts', "export * from '../files/b.js';"],
    ['up, over several lines', 'src/db/a.ts', "import {\n  b,\n} from '../vault/b.js';"],
    ['into the embedded server', 'src/daemon/run.ts', "import { b } from '../../embedded-s3/b.js';"],
    ['out of the embedded server', 'embedded-s3/a.ts', "import { b } from '../src/model/b.js';"],
    ['from test code', 'src/vfs/a.ts', "import { b } from '../../test/support/b.js';"],
    ['from main', 'src/cli/a.ts', "import '../main.js';"],
  ])('refuse an import %s', (_, path, text) => {
    expect(floorViolations(file(path, text))).toHaveLength(1);
  });

  it.each([
    ['down', 'src/cli/a.ts', "import { b } from '../model/b.js';"],
    ['within a room', 'src/s3/a.ts', "import { b } from './parts/b.js';"],
    [
      'of the embedded server where it is started',
      'src/assembly/embedded.ts',
      "import '../../embedded-s3/b.js';",
    ],
    ['of the settings where the rooms meet', 'src/daemon/run.ts', "import { b } from '../config/b.js';"],
    ['in a comment', 'src/model/a.ts', "/* import { b } from '../cli/b.js'; */\n// import '../cli/b.js'"],
    ['of a test', 'src/model/a.test.ts', "import { b } from '../cli/b.js';"],
  ])('allow an import %s', (_, path, text) => {
    expect(floorViolations(file(path, text))).toEqual([]);
  });

  it('refuse rooms without a floor and folders without a meaning', () => {
    expect(folderViolations(file('src/attic/a.ts', ''))).toEqual(['src/attic has no floor']);
    expect(folderViolations(file('src/s3/utils/a.ts', ''))).toHaveLength(1);
  });

  it('refuse a library outside its room', () => {
    expect(
      packageViolations(file('src/vault/a.ts', "import { S3Client } from '@aws-sdk/client-s3';")),
    ).toHaveLength(1);
    const queue = "import { SQSClient } from '@aws-sdk/client-sqs';";
    expect(packageViolations(file('src/events/a.ts', queue))).toHaveLength(1);
    expect(packageViolations(file('src/events/sqs-source.ts', queue))).toEqual([]);
    expect(
      packageViolations(file('src/events/a.ts', "import { x } from '@aws-sdk/client-sns';")),
    ).toHaveLength(1);
    expect(packageViolations(file('src/ledger/a.ts', "import Database from 'better-sqlite3';"))).toHaveLength(
      1,
    );
    const twice = [
      ...file('src/sftp/a.ts', "import ssh2 from 'ssh2';"),
      ...file('src/sftp/b.ts', "import 'ssh2';"),
    ];
    expect(packageViolations(twice)).toHaveLength(1);
    expect(packageViolations(file('src/sftp/a.ts', "import ssh2 from 'ssh2';"))).toEqual([]);
  });

  it('refuse long files and the console', () => {
    expect(lengthViolations(file('src/s3/a.ts', 'x\n'.repeat(3)), 2, [])).toHaveLength(1);
    expect(consoleViolations(file('src/s3/a.ts', "console.log('x');"))).toHaveLength(1);
    expect(consoleViolations(file('src/cli/a.ts', "console.log('x');"))).toEqual([]);
  });
});
