import type { Area, Cell } from './cells.js';

/** The cell that a run must find. `refused` is the text that the user of the client gets. */
export type Expected =
  | { readonly kind: 'ok' | 'ignored' | 'n/a' }
  | { readonly kind: 'refused'; readonly text: RegExp };

interface Row {
  /** Operations that the client does not have. */
  readonly absent: readonly string[];
  readonly uploads?: Readonly<Record<string, Expected>>;
  readonly local?: Readonly<Record<string, Expected>>;
  /** A remark for the page, about the client. */
  readonly remark?: string;
}

const refused = (text: RegExp): Expected => ({ kind: 'refused', text });
const ok: Expected = { kind: 'ok' };

/** A rename of version 3 does not replace. */
const exists = refused(/exists already: remove it first/);

/** The results of operations that are not the same in all directories, if the row has nothing else. */
const usual: Readonly<Record<Area, Readonly<Record<string, Expected>>>> = {
  uploads: {
    chmod: { kind: 'ignored' },
    symlink: refused(/there are no symbolic links in S3: create them under \/local/),
  },
  local: {},
};

const transfersOnly = ['resumePut', 'resumeGet', 'rename', 'replace', 'directories'];
const attributes = ['chmod', 'append', 'change', 'truncate', 'symlink', 'df'];
const copies: Row = { absent: [...transfersOnly, ...attributes, 'backUp'] };
const batch: Row = { absent: ['append', 'change', 'truncate', 'backUp'] };
const edits = ['change', 'truncate', 'backUp'];
const backup: Row = {
  absent: [...['put', 'get'], ...transfersOnly, ...attributes, ...['tree', 'times', 'names']],
};

/** The rows by the names of the clients. */
const rows: Readonly<Record<string, Row>> = {
  'OpenSSH sftp': batch,
  'OpenSSH scp': copies,
  'OpenSSH 10 sftp': batch,
  'OpenSSH 10 scp': copies,
  psftp: {
    absent: ['times', ...attributes.filter((name) => name !== 'chmod'), 'backUp'],
    uploads: { replace: exists },
  },
  pscp: copies,
  'FileZilla (fzsftp)': {
    absent: ['tree', ...attributes.filter((name) => name !== 'chmod'), 'backUp'],
    uploads: { replace: exists },
    remark:
      'The test drives `fzsftp`, the program that speaks SFTP for FileZilla, as FileZilla does. FileZilla itself sends trees file by file.',
  },
  lftp: { absent: ['append', ...edits, 'df'], uploads: { replace: exists } },
  'curl (libssh2 1.10)': {
    absent: ['tree', 'times', ...edits],
    uploads: {
      replace: refused(/rename command failed: Operation failed/),
      symlink: refused(/symlink command failed: Operation not supported by SFTP server/),
    },
  },
  'curl (libssh2 1.11)': {
    absent: ['tree', 'times', ...edits],
    uploads: {
      replace: refused(/rename command failed: Operation failed/),
      symlink: refused(/symlink command failed: Unknown error in libssh2/),
    },
    local: { symlink: refused(/symlink command failed: Unknown error in libssh2/) },
    remark:
      'libssh2 1.11.1 reports an error after it has made a symbolic link, also with the server of OpenSSH.',
  },
  rclone: {
    absent: ['resumePut', 'resumeGet', 'chmod', 'append', 'change', 'truncate', 'symlink', 'backUp'],
  },
  sshfs: {
    absent: ['resumePut', 'resumeGet', 'backUp'],
    uploads: { symlink: refused(/Operation not supported/) },
    remark:
      'sshfs closes a file after the program has, and does not report a refused CLOSE. The test waits for it, up to 20 seconds. The gateway refuses a sparse file with holes of more than 1 GiB: copy it with `cp --sparse=never`.',
  },
  paramiko: {
    absent: ['tree', 'df', 'backUp'],
    remark:
      'paramiko 2 does not report a refused CLOSE. Compare the size with `stat` after closing a file, as its `put` does.',
  },
  asyncssh: { absent: ['backUp'] },
  JSch: { absent: ['tree', ...edits] },
  phpseclib: { absent: ['df', 'backUp'], uploads: { replace: exists } },
  'Net::SFTP::Foreign (Perl)': { absent: ['backUp'] },
  'Net::SFTP (Ruby)': {
    absent: ['df', 'backUp'],
    uploads: { replace: refused(/4, "failure"/), symlink: refused(/8, "op unsupported"/) },
    remark: 'This version shows its own text for a status, never the text of the server.',
  },
  'ssh2-sftp-client (Node.js)': { absent: ['times', 'truncate', 'symlink', 'df', 'backUp'] },
  restic: backup,
  duplicity: backup,
};

/** Returns the remark about a client, or null. */
export const remarkOn = (client: string): string | null => rows[client]?.remark ?? null;

/** Returns what an operation of a client must result in. */
export function expectedCell(client: string, operation: string, area: Area): Expected {
  const row = rows[client];
  if (row === undefined) throw new Error(`no row for ${client}`);
  if (row.absent.includes(operation)) return { kind: 'n/a' };
  return row[area]?.[operation] ?? usual[area][operation] ?? ok;
}

/** Returns the cell as the page shows it: its kind, and for a refusal the expected part of the text. */
export function shown(cell: Cell | Error, expected: Expected): string {
  if (cell instanceof Error) return `WRONG: ${cell.message}`;
  if (cell.kind !== 'refused') return cell.kind;
  const part = expected.kind === 'refused' ? expected.text.exec(cell.text)?.[0] : undefined;
  return `refused: ${part ?? cell.text}`;
}

/** Returns the text that `shown` must give. Without a cell, as for a client that cannot run here, the pattern is the text. */
export function shownExpectation(cell: Cell | Error | null, expected: Expected): string {
  if (expected.kind !== 'refused') return expected.kind;
  const text = cell === null || cell instanceof Error || cell.kind !== 'refused' ? '' : cell.text;
  return `refused: ${expected.text.exec(text)?.[0] ?? expected.text.source.replaceAll(/\\(.)/g, '$1')}`;
}
