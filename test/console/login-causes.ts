import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSshKeyPair } from '../../src/sftp/ssh-key-pair.js';
import type { ApiClient } from '../support/api-client.js';
import type { Gateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';
import { type Content, expectOk, refuseLogin } from './content.js';

/** A user who cannot log in, where the page is asked, and what it must answer. */
export interface LoginCause {
  readonly cause: string;
  readonly username: string;
  /** The address of the client; null for any. */
  readonly address: string | null;
  readonly answer: RegExp;
  /** The command that the page offers; null if there is none. */
  readonly command: string | null;
}

/** Creates users who cannot log in, each for another cause. */
export async function prepareCauses(gateway: Gateway, { admin }: Content): Promise<readonly LoginCause[]> {
  const add = (username: string, more: object = {}) => {
    const publicKeys = [createSshKeyPair(username).publicKey];
    return expectOk(admin.request('POST', '/api/users', { body: { username, publicKeys, ...more } }));
  };
  const expires = new Date(Date.now() - 3_600_000).toISOString();
  await Promise.all([
    add('why-disabled'),
    add('why-expired', { expires }),
    add('why-from', { loginFrom: '192.0.2.0/24' }),
    add('why-banned'),
    add('why-denied'),
    add('why-stranger'),
    add('why-credential'),
    add('why-settings'),
  ]);
  await expectOk(admin.request('POST', '/api/users/why-disabled/disable'));
  await expectOk(admin.request('PUT', '/api/bans', { body: { address: '198.51.100.7', seconds: 3600 } }));
  await denyAddresses(admin, '203.0.113.0/24');
  await removeKeys(admin, 'why-credential');
  await refuseLogin(gateway, 'why-stranger');
  await eventually('the refusal is in the trail', async () => {
    const { json } = await admin.request('GET', '/api/audit?user=why-stranger&action=session.refused');
    return (json as { readonly items: readonly unknown[] }).items.length > 0;
  });
  appendFileSync(
    join(gateway.root, 'home/why-settings/.sftpgateway/user.properties'),
    'login.expires=yesterday\n',
  );
  return causes;
}

const causes: readonly LoginCause[] = [
  {
    cause: 'the account is disabled',
    username: 'why-disabled',
    address: null,
    answer: /The account of why-disabled is disabled/,
    command: 'sftpgw user enable why-disabled',
  },
  {
    cause: 'the account has expired',
    username: 'why-expired',
    address: null,
    answer: /The account of why-expired expired at 20/,
    command: 'sftpgw user expire why-expired never',
  },
  {
    cause: 'the address is not one of the user’s',
    username: 'why-from',
    address: '198.51.100.99',
    answer: /login\.from of why-from \(192\.0\.2\.0\/24\) does not have 198\.51\.100\.99/,
    command: 'sftpgw user add why-from --login-from LIST',
  },
  {
    cause: 'the address is banned',
    username: 'why-banned',
    address: '198.51.100.7',
    answer: /198\.51\.100\.7 is banned until .*by an administrator/,
    command: 'sftpgw ban clear 198.51.100.7',
  },
  {
    cause: 'the gateway refuses the address',
    username: 'why-denied',
    address: '203.0.113.9',
    answer: /sftp\.deny\.from does not let 203\.0\.113\.9 connect/,
    command: null,
  },
  {
    cause: 'the client has another key',
    username: 'why-stranger',
    address: null,
    answer: /was refused: .*key is not authorised/,
    command: 'sftpgw user show why-stranger',
  },
  {
    cause: 'the user has no credential',
    username: 'why-credential',
    address: null,
    answer: /why-credential has neither a public key nor a password/,
    command: 'sftpgw user add why-credential --public-key-file FILE',
  },
  {
    cause: 'the settings of the user are wrong',
    username: 'why-settings',
    address: null,
    answer: /The settings of why-settings have an error: .*login\.expires/,
    command: null,
  },
];

async function denyAddresses(admin: ApiClient, networks: string): Promise<void> {
  const { headers } = await admin.request('GET', '/api/settings');
  const request = {
    body: { values: { 'sftp.deny.from': networks } },
    headers: { 'if-match': `${headers.etag}` },
  };
  await expectOk(admin.request('PATCH', '/api/settings', request));
}

async function removeKeys(admin: ApiClient, username: string): Promise<void> {
  const path = `/api/users/${username}`;
  const { json, headers } = await admin.request('GET', path);
  const { publicKeys } = json as { readonly publicKeys: readonly { readonly fingerprint: string }[] };
  const body = { removePublicKeys: publicKeys.map(({ fingerprint }) => fingerprint) };
  await expectOk(admin.request('PATCH', path, { body, headers: { 'if-match': `${headers.etag}` } }));
}
