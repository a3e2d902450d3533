import { run } from './command.js';
import type { TestUser } from './gateway.js';

/** Limit of one run of a client, in milliseconds: longer than the gateway retries. */
const clientLimitMs = 240_000;

/** A program that transfers files. Each operation returns whether the program reported success. */
export interface TransferClient {
  readonly name: string;
  /** True if a rename replaces an existing file. */
  readonly replaces: boolean;
  put(path: string, name: string): Promise<boolean>;
  get(name: string, path: string): Promise<boolean>;
  rename(from: string, to: string): Promise<boolean>;
  /** Continues the file at its end with the rest of the local one. */
  resume(path: string, name: string): Promise<boolean>;
}

/** OpenSSH's sftp. */
export function opensshClient(user: TestUser): TransferClient {
  const batch = async (line: string) => (await user.sftp(line, { timeoutMs: clientLimitMs })).code === 0;
  return {
    name: 'sftp',
    replaces: true,
    put: (path, name) => batch(`put ${path} /uploads/${name}`),
    get: (name, path) => batch(`get /uploads/${name} ${path}`),
    rename: (from, to) => batch(`rename /uploads/${from} /uploads/${to}`),
    resume: (path, name) => batch(`reput ${path} /uploads/${name}`),
  };
}

/** lftp, which retries nothing here. */
export function lftpClient(user: TestUser): TransferClient {
  const { sshOptions, name: login, gateway } = user;
  const connect = `ssh -a -x ${sshOptions.join(' ')}`;
  const script = async (command: string) => {
    const settings = [
      `set sftp:connect-program "${connect}"`,
      'set net:max-retries 1',
      'set net:timeout 200',
      'set cmd:fail-exit yes',
      'set xfer:use-temp-file no',
      'set xfer:clobber yes',
    ];
    const text = [...settings, `open -u ${login}, sftp://127.0.0.1:${gateway.sftpPort}`, command].join('\n');
    const { code } = await run('lftp', ['--norc', '-c', text], { timeoutMs: clientLimitMs });
    return code === 0;
  };
  return {
    name: 'lftp',
    replaces: false,
    put: (path, name) => script(`put -O /uploads ${path} -o ${name}`),
    get: (name, path) => script(`get /uploads/${name} -o ${path}`),
    rename: (from, to) => script(`mv /uploads/${from} /uploads/${to}`),
    resume: (path, name) => script(`put -c -O /uploads ${path} -o ${name}`),
  };
}
