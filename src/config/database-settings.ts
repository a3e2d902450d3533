import { parseDatabaseUrl, shownDatabaseUrl } from '../database/postgres/address.js';
import { hour, second, setting } from './setting.js';
import { absoluteFile, count, duration, type ValueKind, yesNo } from './values.js';

const databaseUrl: ValueKind<string | null> = {
  form: 'postgres://USER@HOST:PORT/DATABASE',
  parse: (text) => {
    if (text === '') return { value: null };
    const parsed = parseDatabaseUrl(text);
    return 'problem' in parsed ? parsed : { value: text };
  },
  format: (value) => value ?? '',
  shown: shownDatabaseUrl,
};

/** The settings of a database server. */
export const databaseSettings = {
  databaseUrl: setting(
    'database.url',
    databaseUrl,
    null,
    'The PostgreSQL database of the gateway. The connection is encrypted and the certificate verified, except to this machine. Empty: the file var/lib/sftpgw/sftpgw.db. `sftpgw database migrate` moves the data.',
  ),
  databasePasswordFile: setting(
    'database.password.file',
    absoluteFile,
    null,
    'A file with the password for database.url, read for each new connection. Empty: the variable SFTPGW_DATABASE_PASSWORD, if it is set.',
  ),
  databaseCaFile: setting(
    'database.ca.file',
    absoluteFile,
    null,
    'A PEM file with certificate authorities to trust for database.url, instead of those of the system.',
  ),
  databaseConnections: setting(
    'database.connections',
    count(2, 200),
    8,
    'Maximum connections to database.url of the gateway, and of each command. One of them writes.',
  ),
  databaseWaitTimeoutMs: setting(
    'database.wait.timeout',
    duration(0, hour),
    10 * second,
    'How long requests wait for a lost connection to database.url. After it they fail as unavailable.',
  ),
  databaseStatementTimeoutMs: setting(
    'database.statement.timeout',
    duration(second, hour),
    30 * second,
    'Timeout for one statement at database.url.',
  ),
  cluster: setting(
    'cluster',
    yesNo,
    false,
    'Whether several gateways share database.url. All of them need yes, and a restart after a change. `sftpgw cluster init` and `join` set it. See docs/CLUSTER.md.',
  ),
};
