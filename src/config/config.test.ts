import { appendFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PropertiesDocument } from '../files/properties.js';
import { defaultPropertiesText } from './default-properties.js';
import { rootPaths } from './paths.js';
import { readSettings, settingsTable } from './settings.js';
import { changeSettingsFile, openSettingsFile } from './settings-file.js';
import { settings as table } from './settings-table.js';
import { duration, listenAddress, size, type ValueKind } from './values.js';

const read = (text: string, environment: Readonly<Record<string, string>> = {}, root = '/srv/x') =>
  readSettings(PropertiesDocument.parse(text), 'FILE', environment, root);
const errorsOf = (text: string, environment = {}): readonly string[] =>
  read(text, environment).problems.map((problem) => problem.text);

describe('values', () => {
  const anySize = size(0, 2 ** 53);
  const anyDuration = duration(0, 2 ** 53);
  it.each<[ValueKind<number>, string, number]>([
    [anySize, '0B', 0],
    [anySize, '256MiB', 268_435_456],
    [anySize, '1 GiB', 1_073_741_824],
    [anySize, '2TiB', 2_199_023_255_552],
    [anyDuration, '250ms', 250],
    [anyDuration, '30s', 30_000],
    [anyDuration, '5m', 300_000],
    [anyDuration, '2h', 7_200_000],
    [anyDuration, '1d', 86_400_000],
  ])('are parsed (case %#)', (kind, text, value) => {
    expect(kind.parse(text)).toEqual({ value });
  });

  it.each<[ValueKind<number>, string, RegExp]>([
    [anySize, '256', /needs a unit, such as 256MiB/],
    [anySize, '256MB', /unknown unit MB; use B, KiB/],
    [anySize, '-1MiB', /must be a size such as/],
    [anySize, '1.5GiB', /must be a size such as/],
    [anyDuration, '30', /needs a unit, such as 30s/],
    [anyDuration, '30sec', /unknown unit sec/],
    [anyDuration, 'soon', /must be a duration such as 30s/],
    [duration(1_000, 60_000), '2h', /must be from 1s to 1m/],
    [size(1024, 2048), '4KiB', /must be from 1KiB to 2KiB/],
  ])('are refused (case %#)', (kind, text, problem) => {
    expect(kind.parse(text)).toEqual({ problem: expect.stringMatching(problem) });
  });

  it('are parsed back after formatting', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 40 }), (value) => {
        expect(anySize.parse(anySize.format(value))).toEqual({ value });
        expect(anyDuration.parse(anyDuration.format(value))).toEqual({ value });
      }),
    );
  });

  it.each([
    ['0.0.0.0:22', '0.0.0.0', 22],
    ['localhost:0', 'localhost', 0],
    ['[::1]:65535', '::1', 65_535],
  ])('may be the address %s', (text, host, port) => {
    expect(listenAddress.parse(text)).toEqual({ value: { host, port } });
    expect(listenAddress.format({ host, port })).toBe(text);
  });

  it.each(['2222', ':22', '::1:22', '[x]:22', 'h:65536', 'h:', 'h:-1', ''])(
    'cannot be the address %j',
    (text) => {
      expect(listenAddress.parse(text)).toHaveProperty('problem');
    },
  );
});

describe('reading the settings', () => {
  it('uses the defaults without a file, and port 22 only for the root /', () => {
    const { settings, problems } = read('');
    expect(problems).toEqual([]);
    expect(settings).toMatchObject({
      bucket: null,
      checksums: 'crc32c',
      sftpListen: { host: '127.0.0.1', port: 2222 },
      uploadMemoryBytes: 160 * 1024 * 1024,
      drainDelayMs: 0,
      drainTimeoutMs: 30_000,
      logLevel: 'info',
    });
    expect(read('', {}, '/').settings.sftpListen).toEqual({ host: '0.0.0.0', port: 22 });
  });

  it('uses the file, and the environment overrides it', () => {
    const text =
      'bucket=from-file\nendpoint=https://s3.example.org:8443/\nendpoint.path.style=YES\nsftp.login.timeout = 90s \n';
    const { settings, problems } = read(text, {
      SFTPGW_DEFAULT_BUCKET: 'from-environment',
      SFTPGW_ROOT: '/x',
      SFTPGW_REGION: '',
    });
    expect(problems).toEqual([]);
    expect(settings).toMatchObject({
      bucket: 'from-environment',
      region: null,
      endpoint: 'https://s3.example.org:8443',
      endpointPathStyle: true,
      sftpLoginTimeoutMs: 90_000,
    });
  });

  it.each([
    [
      '\nupload.memory=256\n',
      'FILE line 2: upload.memory needs a unit, such as 256MiB: B, KiB, MiB, GiB, TiB; it is "256"',
    ],
    ['upload.memroy=1GiB', 'FILE line 1: unknown setting "upload.memroy"; did you mean upload.memory?'],
    ['colour=red', 'FILE line 1: unknown setting "colour"'],
    ['sftp.sessions.max=0', 'FILE line 1: sftp.sessions.max must be from 1 to 100000; it is "0"'],
    ['log.level=loud', 'FILE line 1: log.level must be debug, info, warn or error; it is "loud"'],
    ['endpoint.ca.file=ca.pem', 'FILE line 1: endpoint.ca.file must be an absolute path; it is "ca.pem"'],
  ])('reports %j as %s', (text, problem) => {
    expect(errorsOf(text)).toEqual([problem]);
  });

  it.each(['ftp://x', 'https://x/path', 'https://user:pw@x', 'x:9000'])('refuses the endpoint %s', (url) => {
    expect(errorsOf(`endpoint=${url}`)).toEqual([expect.stringMatching(/must be a URL such as/)]);
  });

  it('names an invalid variable', () => {
    expect(errorsOf('', { SFTPGW_DRAIN_TIMEOUT: 'long' })).toEqual([
      'environment: SFTPGW_DRAIN_TIMEOUT must be a duration such as 30s; it is "long"',
    ]);
  });

  it('reports a duplicate as a notice, and the later line is effective', () => {
    const { settings, problems } = read('bucket=one\nbucket=two\n');
    expect(settings.bucket).toBe('two');
    expect(problems).toMatchObject([{ severity: 'notice' }]);
  });
});

describe('the documentation', () => {
  it('names every setting once, with a form and a description', () => {
    expect(settingsTable.map((row) => row.key)).toEqual(Object.keys(table));
    expect(new Set(settingsTable.map((row) => row.name)).size).toBe(settingsTable.length);
    for (const row of settingsTable) expect(row.description).toMatch(/\.$/);
    expect(settingsTable.find((row) => row.name === 'upload.memory')).toMatchObject({
      environmentVariable: 'SFTPGW_UPLOAD_MEMORY',
      form: 'size, 32MiB to 1TiB',
      default: '160MiB',
    });
  });

  it('has a valid default for every setting', () => {
    for (const root of ['/', '/srv/x']) {
      const text = defaultPropertiesText(root);
      expect(read(text, {}, root)).toEqual({ settings: read('', {}, root).settings, problems: [] });
      const uncommented = text.replace(/^#(?! )/gm, '');
      expect(read(uncommented, {}, root)).toEqual({ settings: read('', {}, root).settings, problems: [] });
    }
  });
});

describe('the file of a running gateway', () => {
  let root: string;
  let path: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'sftpgw-config-'));
    path = rootPaths(root).propertiesFile;
  });
  afterEach(() => rm(root, { recursive: true, force: true }));
  const put = async (text: string): Promise<void> => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };

  it('prevents the start if it has errors, and reports every line', async () => {
    await put('bucket=bkt\nlog.level=x\n\nnonsense=1\n');
    await expect(openSettingsFile(root, {})).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringMatching(
        /properties line 2: log\.level must be .*; .*properties line 4: unknown setting/,
      ),
    });
  });

  it('is read again at the next check, which reports the changes', async () => {
    const file = await openSettingsFile(root, {});
    expect(await file.reload()).toBeNull();
    await put('bucket=bkt\nsftp.listen=127.0.0.1:2222\n');
    expect(await file.reload()).toEqual({ changed: ['bucket'], problems: [], isTaken: true });
    expect(file.current.bucket).toBe('bkt');
    expect(await file.reload()).toBeNull();
    await rm(path);
    expect(await file.reload()).toEqual({ changed: ['bucket'], problems: [], isTaken: true });
  });

  it('leaves the last valid settings in force if it has an error, reported once per change', async () => {
    await put('bucket=bkt\n');
    const file = await openSettingsFile(root, {});
    await appendFile(path, 'log.level=x\n');
    expect(await file.reload()).toEqual({
      changed: [],
      problems: [`${path} line 2: log.level must be debug, info, warn or error; it is "x"`],
      isTaken: false,
    });
    expect(await file.reload()).toBeNull();
    expect(file.current.bucket).toBe('bkt');
    await rm(path);
    await mkdir(path);
    expect(await file.reload()).toMatchObject({ isTaken: false, problems: [expect.stringContaining(path)] });
    expect(await file.reload()).toBeNull();
    await rm(path, { recursive: true });
    await put('bucket=other\n');
    expect(await file.reload()).toMatchObject({ changed: ['bucket'], isTaken: true });
  });

  it('keeps its comments when a command changes it, and explains every setting when one creates it', async () => {
    await changeSettingsFile(root, { bucket: 'first' });
    const text = await readFile(path, 'utf8');
    expect(text).toBe(defaultPropertiesText(root).replace('#bucket=\n', 'bucket=first\n'));
    expect((await stat(path)).mode & 0o777).toBe(0o644);
    await appendFile(path, '# by hand\n');
    await changeSettingsFile(root, { bucket: 'second', region: 'eu-west-1' });
    await changeSettingsFile(root, { region: null });
    expect(await readFile(path, 'utf8')).toBe(
      `${text.replace('bucket=first', 'bucket=second').replace('#region=\n', '')}# by hand\n`,
    );
    await expect(changeSettingsFile(root, { bucket: 's3://x' })).rejects.toMatchObject({ kind: 'invalid' });
    expect((await openSettingsFile(root, {})).current.bucket).toBe('second');
  });
});

it('the well-known paths are below any root', () => {
  expect(rootPaths('/')).toMatchObject({
    propertiesFile: '/opt/sftpgw/sftpgateway.properties',
    sharedDirectory: '/opt/sftpgw/shared',
    keysDirectory: '/opt/sftpgw/keys',
    homes: '/home',
    sharedSettingsDirectory: '/root/.sftpgateway',
    stateDirectory: '/var/lib/sftpgw',
  });
  expect(rootPaths('/srv/gw/').databaseFile).toBe('/srv/gw/var/lib/sftpgw/sftpgw.db');
});
