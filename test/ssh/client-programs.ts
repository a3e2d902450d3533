import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { missing } from '../support/tools.js';

const root = process.env['OPENSSH_ROOT'] ?? '/opt/openssh10';

/** The OpenSSH client that test/servers/openssh-forky installs. */
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

export const programs = join(import.meta.dirname, 'programs');
