import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { paramikoFailures, paramikoPasses } from '../suites/paramiko-failures.js';
import { type Area, areas } from './cells.js';
import { remarkOn } from './expected.js';
import { operations } from './operations.js';
import { cellName, operationsIn } from './run-client.js';

/** The results of one client: its version, and each cell as `shown` returns it. */
export interface Results {
  readonly client: string;
  readonly version: string;
  readonly cells: ReadonlyMap<string, string>;
}

/** The results of `npm run drill:clients`, by client. */
type LargeFiles = Readonly<Record<string, { readonly version: string; readonly result: string }>>;
export const largeFilesPath = join(import.meta.dirname, 'large-files.json');
export const readLargeFiles = (): LargeFiles =>
  JSON.parse(readFileSync(largeFilesPath, 'utf8')) as LargeFiles;

const opening = `# Clients

This page shows what each client can do with the gateway. \`test/clients/matrix/\` writes it. The test starts every program
against a gateway with the embedded S3, as a user who encrypts with a key of their own (SSE-C), and compares the result of
each operation. Continuous integration fails if a run gives another page, apart from the versions of the programs.

| entry | meaning |
|---|---|
| ok | The result was compared: bytes with the object in S3 or the file on the disk, times and modes through STAT. |
| ignored | The gateway answers OK and has nothing to store. In \`/uploads\`, modes are not kept. |
| refused [n] | The client reports a failure and shows the text of note n. A remark below names anything that changes nevertheless. |
| n/a | The client, or its library, does not have the operation. |
`;

/** Collects the texts of refusals and numbers them. */
class Notes {
  readonly texts: string[] = [];

  cell(shown: string): string {
    const text = /^refused: (.*)$/s.exec(shown)?.[1];
    if (text === undefined) return shown;
    if (!this.texts.includes(text)) this.texts.push(text);
    return `refused [${this.texts.indexOf(text) + 1}]`;
  }
}

/** Returns the page. */
export function renderPage(results: readonly Results[]): string {
  const notes = new Notes();
  const large = readLargeFiles();
  const uploads = table('uploads', results, notes, {
    title: '5 GiB',
    cell: ({ client, cells }) =>
      large[client]?.result ?? (cells.get('put in /uploads') === 'n/a' ? 'n/a' : '-'),
  });
  const local = table('local', results.filter(hasLocal), notes, null);
  const remarks = results.flatMap(({ client }) => {
    const remark = remarkOn(client);
    return remark === null ? [] : [`* **${client}**: ${remark}`];
  });
  return [
    opening,
    '## Operations',
    '',
    ...operations.map(({ title, meaning }) => `* **${title}** ${meaning}.`),
    '* **5 GiB** uploads and downloads 5 GiB of zeros. `npm run drill:clients` runs it, because it takes hours. The short run',
    '  above sends 9 MiB. A `-` means that no drill has recorded this client.',
    '',
    '## `/uploads`',
    '',
    ...uploads,
    '',
    '## `/local`',
    '',
    'Only operations whose result may differ are run here.',
    '',
    ...local,
    '',
    '## Notes',
    '',
    ...notes.texts.map((text, index) => `${index + 1}. \`${text}\``),
    '',
    ...remarks,
    '',
    "## paramiko's own tests",
    '',
    '`npm run drill:paramiko` runs `test_sftp.py` and `test_sftp_big.py` of paramiko against the gateway. These tests fail,',
    'and no others. The server of OpenSSH passes 40.',
    '',
    ...suiteTable(),
    '',
  ].join('\n');
}

function suiteTable(): readonly string[] {
  const rows = areas.flatMap((area) => {
    const failures = Object.entries(paramikoFailures[area]);
    const passed = `${paramikoPasses[area]} of ${paramikoPasses[area] + failures.length}`;
    return failures.map(([name, reason]) => `| \`/${area}\` | ${passed} | \`${name}\` | ${reason} |`);
  });
  return ['| directory | passed | failing test | reason |', '|---|---|---|---|', ...rows];
}

function hasLocal({ cells }: Results): boolean {
  return operationsIn('local').some(({ id }) => cells.get(cellName(id, 'local')) !== 'n/a');
}

interface LastColumn {
  readonly title: string;
  cell(results: Results): string;
}

function table(
  area: Area,
  results: readonly Results[],
  notes: Notes,
  last: LastColumn | null,
): readonly string[] {
  const columns = operationsIn(area);
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const more = last === null ? [] : [last];
  const head = ['client', 'version', ...columns.map(({ title }) => title), ...more.map(({ title }) => title)];
  const lines = results.map((found) => {
    const cells = columns.map(({ id }) => notes.cell(found.cells.get(cellName(id, area)) ?? '?'));
    return row([found.client, found.version, ...cells, ...more.map(({ cell }) => cell(found))]);
  });
  return [row(head), `|${'---|'.repeat(head.length)}`, ...lines];
}

/** Removes the versions of the clients from a page. */
export function withoutVersions(page: string, clients: readonly string[]): string {
  const lines = page.split('\n').map((line) => {
    const [, client = '', , ...cells] =
      line.split(' | ').length > 2 ? ['', ...line.slice(2).split(' | ')] : [];
    return clients.includes(client) ? [client, 'version', ...cells].join(' | ') : line;
  });
  return lines.join('\n');
}
