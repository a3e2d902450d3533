import { isIP } from 'node:net';

/** The address of a PostgreSQL database, without a password. */
export interface PostgresAddress {
  /** A host name, an IP address, or the absolute path of the directory with the server's Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Encrypts the connection and verifies the certificate and its name. */
  readonly isTls: boolean;
}

const defaultPort = 5432;
const example = 'postgres://sftpgw@db.example.com/sftpgw';

/**
 * Parses `postgres://USER@HOST[:PORT]/DATABASE`. A server on another machine always gets TLS. `?sslmode=verify-full`
 * adds it on this machine. `?host=/DIRECTORY` names the directory of a Unix socket. A password in the URL is a
 * problem, because the URL is shown to people and logged.
 */
export function parseDatabaseUrl(
  text: string,
): { readonly value: PostgresAddress } | { readonly problem: string } {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^postgres(?:ql)?:$/.test(url.protocol))
    return { problem: `must be a URL such as ${example}` };
  if (url.password !== '')
    return { problem: 'must not contain a password: write it to database.password.file' };
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'sslmode' && name !== 'host');
  if (unknown !== undefined)
    return { problem: `has the unknown parameter ${unknown}: only sslmode and host are known` };
  const host = url.searchParams.get('host') ?? url.hostname.replace(/^\[(.*)\]$/, '$1');
  const user = decoded(url.username);
  const database = decoded(url.pathname.slice(1));
  if (host === '' || user === '' || database === '' || database.includes('/')) {
    return { problem: `must name a user, a host and a database, such as ${example}` };
  }
  const sslmode = url.searchParams.get('sslmode');
  const isLocal = isThisMachine(host);
  if (sslmode !== null && sslmode !== 'verify-full' && !(sslmode === 'disable' && isLocal)) {
    return { problem: 'must have sslmode=verify-full, which is the default for a server on another machine' };
  }
  const isTls = !host.startsWith('/') && (sslmode === 'verify-full' || !isLocal);
  return { value: { host, port: Number(url.port || defaultPort), database, user, isTls } };
}

/** Returns the text of a URL as it may be shown: without a password, which belongs into another file. */
export function shownDatabaseUrl(text: string): string {
  return text.replace(/^(\w+:\/\/[^/?#]*?):.*@/, '$1:***@');
}

/** Names the database in errors. */
export function nameOfDatabase({ host, port, database }: PostgresAddress): string {
  return `PostgreSQL database ${database} on ${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function isThisMachine(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
