import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isLiveSetting } from '../../src/assembly/live-settings.js';
import { exitCodeHelp, exitCodeOf } from '../../src/cli/exit-codes.js';
import { type SettingKey, settingsTable } from '../../src/config/settings.js';
import { settings } from '../../src/config/settings-table.js';
import { faultKinds } from '../../src/model/fault.js';
import { sseCBlocked } from '../../src/s3/errors/diagnosis.js';
import { shouldExplain, statusCodeOf } from '../../src/sftp/status.js';
import { userPropertyNames } from '../../src/users/user-properties.js';

const project = resolve(import.meta.dirname, '../..');
const page = join(project, 'docs/OPERATIONS.md');
const text = readFileSync(page, 'utf8');
const lines = text.split('\n');

/** The rows of the first table with this header below a heading. */
function rowsBelow(heading: string, header: string): readonly string[] {
  const start = lines.indexOf(header, lines.indexOf(heading));
  expect(start, `the table of ${heading}`).toBeGreaterThan(0);
  const rest = lines.slice(start + 2);
  return rest.slice(
    0,
    rest.findIndex((line) => !line.startsWith('|')),
  );
}

function row(...cells: readonly string[]): string {
  return `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;
}

/** Texts of the program's files below a folder, without tests. */
function sourcesBelow(folder: string): readonly string[] {
  return readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /(?<!\.test)\.ts$/.test(name) && !name.includes('testing/'))
    .map((name) => readFileSync(join(project, folder, name), 'utf8'));
}

const statusWords: Readonly<Record<number, string>> = {
  2: 'no such file',
  3: 'permission denied',
  4: 'failure',
  8: 'operation unsupported',
};

describe('docs/OPERATIONS.md', () => {
  it('has every global setting as the program has it', () => {
    const expected = settingsTable.map((setting) =>
      row(
        `\`${setting.name}\``,
        setting.form,
        setting.default === '' ? '' : `\`${setting.default}\``,
        setting.description,
      ),
    );
    const found = rowsBelow('## Settings', '| name | value | default | meaning |');
    if (process.env['SFTPGW_DOCS'] === 'write') {
      writeFileSync(
        page,
        text.replace(found.join('\n'), () => expected.join('\n')),
      );
    } else expect(found, 'run `npm run docs:settings`').toEqual(expected);
  });

  it('names every global setting whose changes take effect without a restart', () => {
    const named = /^\* Changes of (.+?)\sapply\s/ms.exec(text)?.[1]?.matchAll(/`([^`]+)`/g) ?? [];
    const keys = Object.keys(settings) as readonly SettingKey[];
    const expected = keys.filter(isLiveSetting).map((key) => settings[key].name);
    expect([...named].map(([, name]) => name).sort()).toEqual([...expected].sort());
  });

  it('names every setting of a user', () => {
    const own = lines.slice(lines.findIndex((line) => line.includes('user.properties`:')));
    const rows = own.slice(0, own.indexOf('### Environment variables')).join('\n');
    for (const name of Object.values(userPropertyNames)) expect(rows).toContain(`\`${name}\``);
  });

  it('has the exit codes of the commands', () => {
    const help = [...exitCodeHelp().matchAll(/^ +(\d+) {2}(.+)$/gm)];
    const expected = help.map(([, code = '', meaning = '']) => row(code, meaning));
    expect(expected.length).toBeGreaterThan(10);
    expect(rowsBelow('## Exit codes', '| code | meaning |')).toEqual(expected);
  });

  it('has the status and the exit code of every kind of fault', () => {
    const expected = faultKinds.map((kind) => {
      const status = statusCodeOf(kind);
      const star = shouldExplain(kind) ? ' *' : '';
      return row(`\`${kind}\`${star}`, `${status} ${statusWords[status]}`, String(exitCodeOf[kind]));
    });
    const header = '| kind | status | exit code of a command |';
    expect(rowsBelow('## SFTP status codes', header)).toEqual(expected);
  });

  it('names every permission that the S3 adapter names', () => {
    const named = sourcesBelow('src/s3').flatMap((source) =>
      [...source.matchAll(/\bs3:[A-Z][A-Za-z]+/g)].map(([permission]) => permission),
    );
    expect(named.length).toBeGreaterThan(10);
    const start = text.indexOf('## AWS permissions');
    const part = text.slice(start, text.indexOf('\n## ', start));
    expect([...new Set(named)].filter((permission) => !part.includes(`\`${permission}\``))).toEqual([]);
  });

  it('explains log lines that the program writes', () => {
    const written = sourcesBelow('src').flatMap((source) =>
      [...source.matchAll(/\b(?:log|#log)\.(?:debug|info|warn|error)\(\s*['`]([^'`]+)['`]/g)].map(
        ([, message = '']) => message,
      ),
    );
    expect(written.length).toBeGreaterThan(50);
    const explained = rowsBelow('## The log', '| line | what to do |').map(
      (line) => line.split('`')[1] ?? '',
    );
    expect(explained.length).toBeGreaterThan(5);
    expect(explained.filter((message) => !written.includes(message))).toEqual([]);
  });

  it('explains every finding of the doctor', () => {
    const codes = sourcesBelow('src/doctor').flatMap((source) =>
      [...source.matchAll(/\bcode: '([a-z-]+)'/g)].map(([, code = '']) => code),
    );
    expect(codes.length).toBeGreaterThan(10);
    const explained = rowsBelow('## The doctor', '| finding | meaning |').join('\n');
    const isExplained = (code: string) =>
      explained.includes(`\`${code}\``) ||
      // Rows share a beginning: `round-trip-write`, `-read`.
      (code.startsWith('round-trip-') && explained.includes(`\`${code.slice('round-trip'.length)}\``)) ||
      (code.startsWith('mirror-') && explained.includes('`mirror-...`'));
    expect(codes.filter((code) => !isExplained(code))).toEqual([]);
  });

  it('has the command that unblocks SSE-C as the gateway prints it', () => {
    const { hint } = sseCBlocked('BUCKET', {});
    expect(lines).toContain(hint.slice(hint.indexOf('aws s3api')));
  });
});
