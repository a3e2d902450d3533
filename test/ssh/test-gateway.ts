import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOk } from '../support/command.js';
import { Gateway, type TestUser } from '../support/gateway.js';

export const testPassword = 'correct horse battery 9';

/** A gateway with one user who can log in in every way that a client may support. */
export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly user: TestUser;
  /** Private RSA key in PEM form, for clients without ed25519. */
  readonly rsaIdentity: string;
  /** File with the gateway's host keys, in the form of known_hosts. */
  readonly knownHosts: string;
  /** Fingerprint of each host key by its type, such as `ssh-ed25519`. */
  readonly fingerprints: ReadonlyMap<string, string>;
}

/** Attacks come from loopback: a ban would end them. */
const attacker = { 'sftp.ban.exempt': '127.0.0.1' };

/** Starts a gateway with the embedded S3. The user is `carol` with `testPassword`, an ed25519 and an RSA key. */
export async function startTestGateway(
  properties: Readonly<Record<string, string>> = {},
  logLevel = 'debug',
  env: NodeJS.ProcessEnv = {},
): Promise<TestGateway> {
  const gateway = await Gateway.start({
    s3: null,
    properties: { ...attacker, ...properties },
    logLevel,
    env,
  });
  const rsaIdentity = join(gateway.work, 'carol.rsa');
  await runOk('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', '', '-f', rsaIdentity]);
  const passwordFile = join(gateway.work, 'carol.password');
  writeFileSync(passwordFile, `${testPassword}\n`);
  chmodSync(passwordFile, 0o600);
  const login = ['--public-key-file', `${rsaIdentity}.pub`, '--password-file', passwordFile];
  const user = await gateway.addUser('carol', login);
  const scan = await runOk('ssh-keyscan', ['-p', String(gateway.sftpPort), '127.0.0.1']);
  const knownHosts = join(gateway.work, 'known_hosts');
  writeFileSync(knownHosts, scan.stdout);
  return {
    gateway,
    user,
    rsaIdentity,
    knownHosts,
    fingerprints: await fingerprintsOf(scan.stdout),
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

async function fingerprintsOf(knownHosts: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const line of knownHosts.split('\n').filter((text) => text.startsWith('['))) {
    const listed = await runOk('ssh-keygen', ['-lf', '-'], { input: `${line}\n` });
    found.set(line.split(' ')[1] ?? '', listed.stdout.split(' ')[1] ?? '');
  }
  return found;
}
