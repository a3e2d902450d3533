import { randomBytes } from 'node:crypto';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fingerprintOf } from '@sftpgw/ssh/keys';
import type { Call, LogFields, Logger } from '../../model/call.js';
import type { OfferedCertificate, OfferedPlainKey, UserLogin } from '../../model/users/logins.js';
import type { UserRegistry } from '../../model/users.js';
import type { GatewayDefaults } from '../defaults.js';
import { createUsers, type Users } from '../user-directory.js';
import type { UserDirectories } from '../user-paths.js';
import { createUserRegistry } from '../user-registry.js';
import { testKeys } from './test-keys.js';

/** A log line of a `TestUsers`. */
export interface LoggedLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Users in a temporary root, with cheap password hashes and a stopped clock. */
export class TestUsers implements AsyncDisposable {
  readonly root: string;
  readonly lines: LoggedLine[] = [];
  readonly users: Users;
  readonly registry: UserRegistry;
  readonly directories: UserDirectories;
  readonly call: Call;
  nowMs = Date.UTC(2026, 4, 1, 12);
  defaults: GatewayDefaults = { bucket: 'default-bucket' };

  private constructor(root: string) {
    this.root = root;
    const line =
      (level: string) =>
      (message: string, fields: LogFields = {}) =>
        void this.lines.push({ level, message, fields });
    const log: Logger = {
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
      child: () => log,
    };
    this.call = { id: 'c', signal: new AbortController().signal, log };
    const services = {
      directories: {
        homes: join(root, 'home'),
        shared: join(root, 'opt/sftpgw/shared'),
        removed: join(root, 'var/lib/sftpgw/removed'),
      },
      defaults: () => this.defaults,
      keys: testKeys(root, log).keys,
      clock: { nowMs: () => this.nowMs, monotonicMs: () => this.nowMs, sleep: () => Promise.resolve() },
      entropy: {
        bytes: (length: number) => randomBytes(length),
        id: () => randomBytes(8).toString('hex'),
      },
      passwordCost: { ln: 10, r: 8, p: 1 },
    };
    this.users = createUsers(services);
    this.registry = createUserRegistry(services);
    this.directories = services.directories;
  }

  static async open(): Promise<TestUsers> {
    return new TestUsers(await realpath(await mkdtemp(join(tmpdir(), 'sftpgw-logins-'))));
  }

  /** Returns the path of a file in a user's home. */
  file(username: string, path: string): string {
    return join(this.root, 'home', username, path);
  }

  /** Begins a login. The server asks for the methods before the first attempt. */
  async begin(username: string, address = '192.0.2.1'): Promise<UserLogin> {
    const login = await this.users.logins.begin(this.call, username, address);
    login.methods([]);
    return login;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Returns an Ed25519 key, a different one for each seed, as a client offers it. */
export function offeredKey(seed: number): OfferedPlainKey {
  const type = 'ssh-ed25519';
  const blob = Buffer.concat([field(Buffer.from(type)), field(Buffer.alloc(32, seed))]);
  return { kind: 'plain', type, blob, fingerprint: fingerprintOf(blob) };
}

/** Returns the line of a key for authorized_keys. */
export function keyLine(key: OfferedPlainKey, options = ''): string {
  return `${options === '' ? '' : `${options} `}${key.type} ${Buffer.from(key.blob).toString('base64')}`;
}

/** Returns a certificate of an authority, as a client offers it. */
export function offeredCertificate(
  authority: OfferedPlainKey,
  fields: Partial<OfferedCertificate> = {},
): OfferedCertificate {
  return {
    kind: 'certificate',
    key: offeredKey(200),
    signatureKey: authority,
    serial: 1n,
    keyId: 'bob@laptop',
    principals: ['bob'],
    ...fields,
  };
}

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
