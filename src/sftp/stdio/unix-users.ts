import { execFile } from 'node:child_process';

/** A user of the machine. */
export interface UnixUser {
  readonly name: string;
  readonly uid: number;
}

const namesPerCall = 200;
const notFoundStatus = 2;

/** Returns those of the names that are users of the machine, as NSS knows them (getent(1)). Rejects if getent fails. */
export async function findUnixUsers(names: readonly string[]): Promise<readonly UnixUser[]> {
  const found: UnixUser[] = [];
  for (let at = 0; at < names.length; at += namesPerCall) {
    found.push(...parsePasswd(await getent(names.slice(at, at + namesPerCall))));
  }
  // NSS may ignore case, and answer with another name.
  const asked = new Set(names);
  return found.filter(({ name }) => asked.has(name));
}

function getent(names: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('getent', ['passwd', '--', ...names], (error, stdout) => {
      // Status 2: not all names were found.
      if (error === null || error.code === notFoundStatus) resolve(stdout);
      else reject(error);
    });
  });
}

/** Parses lines of passwd(5). */
export function parsePasswd(text: string): readonly UnixUser[] {
  const users: UnixUser[] = [];
  for (const line of text.split('\n')) {
    const [name = '', , digits = ''] = line.split(':');
    if (name !== '' && /^\d{1,10}$/.test(digits)) users.push({ name, uid: Number(digits) });
  }
  return users;
}
