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
/** Returns the path of a page of docs/operations. */
function pageOf(name: string): string {
  return join(project, 'docs/operations', `${name}.md`);
}

function textOf(name: string): string {
  return readFileSync(pageOf(name), 'utf8');
}

/** Returns the rows of the first table with this header on a page, below a heading if one is given. */
function rowsOf(page: string, header: string, heading?: string): readonly string[] {
  const lines = textOf(page).split('\n');
  const start = lines.indexOf(header, heading === undefined ? 0 : lines.indexOf(heading));
  expect(start, `the table of ${page}`).toBeGreaterThan(0);
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

describe('docs/operations', () => {
  it('has each page in its index', () => {
    const index = readFileSync(join(project, 'docs/OPERATIONS.md'), 'utf8');
    const pages = readdirSync(join(project, 'docs/operations'));
    expect(pages.filter((page) => !index.includes(`](operations/${page})`))).toEqual([]);
  });

  it('has every global setting as the program has it', () => {
    const expected = settingsTable.map((setting) =>
      row(
        `\`${setting.name}\``,
        setting.form,
        setting.default === '' ? '' : `\`${setting.default}\``,
        setting.description,
      ),
    );
    const found = rowsOf('settings', '| name | value | default | meaning |');
    if (process.env['SFTPGW_DOCS'] === 'write') {
      writeFileSync(
        pageOf('settings'),
        textOf('settings').replace(found.join('\n'), () => expected.join('\n')),
      );
    } else expect(found, 'run `npm run docs:settings`').toEqual(expected);
  });

  it('names every global setting whose changes take effect without a restart', () => {
    const named =
      /^\* Changes of (.+?)\sapply\s/ms.exec(textOf('settings'))?.[1]?.matchAll(/`([^`]+)`/g) ?? [];
    const keys = Object.keys(settings) as readonly SettingKey[];
    const expected = keys.filter(isLiveSetting).map((key) => settings[key].name);
    expect([...named].map(([, name]) => name).sort()).toEqual([...expected].sort());
  });

  it('names every setting of a user', () => {
    const rows = rowsOf('user-settings', '| name | value | default | meaning |').join('\n');
    for (const name of Object.values(userPropertyNames)) expect(rows).toContain(`\`${name}\``);
  });

  it('has the exit codes of the commands', () => {
    const help = [...exitCodeHelp().matchAll(/^ +(\d+) {2}(.+)$/gm)];
    const expected = help.map(([, code = '', meaning = '']) => row(code, meaning));
    expect(expected.length).toBeGreaterThan(10);
    expect(rowsOf('codes-and-limits', '| code | meaning |')).toEqual(expected);
  });

  it('has the status and the exit code of every kind of fault', () => {
    const expected = faultKinds.map((kind) => {
      const status = statusCodeOf(kind);
      const star = shouldExplain(kind) ? ' *' : '';
      return row(`\`${kind}\`${star}`, `${status} ${statusWords[status]}`, String(exitCodeOf[kind]));
    });
    const header = '| kind | status | exit code of a command |';
    expect(rowsOf('codes-and-limits', header)).toEqual(expected);
  });

  it('names every permission that the S3 adapter names', () => {
    const named = sourcesBelow('src/s3').flatMap((source) =>
      [...source.matchAll(/\bs3:[A-Z][A-Za-z]+/g)].map(([permission]) => permission),
    );
    expect(named.length).toBeGreaterThan(10);
    const text = textOf('aws-permissions');
    expect([...new Set(named)].filter((permission) => !text.includes(`\`${permission}\``))).toEqual([]);
  });

  it('explains log lines that the program writes', () => {
    const written = sourcesBelow('src').flatMap((source) =>
      [...source.matchAll(/\b(?:log|#log)\.(?:debug|info|warn|error)\(\s*['`]([^'`]+)['`]/g)].map(
        ([, message = '']) => message,
      ),
    );
    expect(written.length).toBeGreaterThan(50);
    const explained = rowsOf('log', '| line | what to do |').map((line) => line.split('`')[1] ?? '');
    expect(explained.length).toBeGreaterThan(5);
    expect(explained.filter((message) => !written.includes(message))).toEqual([]);
  });

  it('explains every finding of the doctor', () => {
    const codes = sourcesBelow('src/doctor').flatMap((source) =>
      [...source.matchAll(/\bcode: '([a-z-]+)'/g)].map(([, code = '']) => code),
    );
    expect(codes.length).toBeGreaterThan(10);
    const explained = rowsOf('checks', '| finding | meaning |', '## The doctor').join('\n');
    const isExplained = (code: string) =>
      explained.includes(`\`${code}\``) ||
      // Rows share a beginning: `round-trip-write`, `-read`.
      (code.startsWith('round-trip-') && explained.includes(`\`${code.slice('round-trip'.length)}\``)) ||
      (code.startsWith('mirror-') && explained.includes('`mirror-...`'));
    expect(codes.filter((code) => !isExplained(code))).toEqual([]);
  });

  it('has the command that unblocks SSE-C as the gateway prints it', () => {
    const { hint } = sseCBlocked('BUCKET', {});
    expect(textOf('aws-permissions').split('\n')).toContain(hint.slice(hint.indexOf('aws s3api')));
  });
});
