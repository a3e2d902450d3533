import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { missing } from '../support/tools.js';

const root = process.env['OPENSSH_ROOT'] ?? '/opt/openssh10';

/** The OpenSSH client that test/servers/other-suite unpacks. */
export const openSsh10 = {
  ssh: join(root, 'bin/ssh'),
  sftp: join(root, 'bin/sftp'),
};

/** Returns why a test that needs these files or programs cannot run, or null. With CI set, it throws instead. */
export function lacking(...needs: readonly string[]): string | null {
  const files = needs.filter((need) => need.startsWith('/') && !existsSync(need));
  if (files.length === 0) return missing(...needs.filter((need) => !need.startsWith('/')));
  const reason = `not installed: ${files.join(', ')}`;
  if (process.env['CI']) throw new Error(reason);
  return reason;
}

/** Returns why nothing can be mounted here, or null. A container may lack the right, whatever is installed. */
export function noMount(): string | null {
  try {
    closeSync(openSync('/dev/fuse', 'r+'));
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

export const programs = join(import.meta.dirname, 'programs');
