import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LiveSessions } from '../../live/live-sessions.js';
import { noAudit } from '../../model/audit.js';
import { defaultSftpLimits } from '../limits.js';
import { SessionAudit } from '../session-audit.js';
import { type LogLine, recordingLogger, testClock, testEntropy } from '../testing/test-logger.js';
import { formatAnswer, formatPreface, parseAnswer, parsePreface } from './preface.js';
import { StdioEndpoint, type StdioOptions } from './stdio-endpoint.js';
import { findUnixUsers, parsePasswd, type UnixUser } from './unix-users.js';
import { userSocketPath } from './user-socket.js';

describe('the first lines', () => {
  it('carry the address that sshd reports, and nothing else', () => {
    for (const address of ['192.0.2.1', '2001:db8::1', 'fe80::1%eth0']) {
      expect(parsePreface(formatPreface(address).trimEnd())).toBe(address);
    }
    expect(formatPreface('x\ny')).toBe('sftpgw-stdio 1 -\n');
    expect(parsePreface('sftpgw-stdio 2 192.0.2.1')).toBeNull();
  });

  it('carry a refusal on one line', () => {
    expect(parseAnswer(formatAnswer(null).trimEnd())).toBeNull();
    expect(parseAnswer(formatAnswer('closed\nfor today').trimEnd())).toBe('closed for today');
    expect(parseAnswer('hello')).toBeUndefined();
  });
});

describe('users of the machine', () => {
  it('are read from lines of passwd(5)', () => {
    expect(parsePasswd('root:x:0:0:root:/root:/bin/sh\nbad\nbob:x:1001:1001::/home/bob:/bin/sh\n')).toEqual([
      { name: 'root', uid: 0 },
      { name: 'bob', uid: 1001 },
    ]);
  });

  it('are found with getent, others are left out', async () => {
    expect(await findUnixUsers(['root', 'no-such-user-here'])).toEqual([{ name: 'root', uid: 0 }]);
    expect(await findUnixUsers([])).toEqual([]);
  });
});

describe('the sockets of the users', () => {
  let directory: string;
  let users: readonly UnixUser[];
  const lines: LogLine[] = [];
  const uid = process.getuid?.() ?? 0;
  const open: StdioEndpoint[] = [];
  const start = async (options: Partial<StdioOptions> = {}) => {
    const endpoint = await StdioEndpoint.start({
      directory,
      usernames: async () => users.map(({ name }) => name),
      findUsers: async (names) => users.filter(({ name }) => names.includes(name)),
      limits: defaultSftpLimits,
      log: recordingLogger(lines),
      clock: testClock,
      entropy: testEntropy,
      live: new LiveSessions(defaultSftpLimits, testClock),
      audit: new SessionAudit(noAudit, testClock),
      onSftp: async (_login, _stream, refuse) => refuse('not today'),
      ...options,
    });
    open.push(endpoint);
    return endpoint;
  };
  const converse = (username: string, text: string) =>
    new Promise<string>((resolve, reject) => {
      let received = '';
      const socket = connect(userSocketPath(directory, username), () => void socket.write(text));
      socket.on('data', (bytes) => {
        received += bytes.toString();
      });
      socket.on('error', reject);
      socket.on('end', () => resolve(received));
    });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'stdio-'));
    users = [{ name: 'alice', uid }];
    lines.length = 0;
  });
  afterEach(async () => {
    for (const endpoint of open.splice(0)) {
      endpoint.disconnectAll();
      await endpoint.stopListening();
    }
    rmSync(directory, { recursive: true });
  });

  it('belong to their user and accept their sessions', async () => {
    await start();
    const { mode, uid: owner } = statSync(userSocketPath(directory, 'alice'));
    expect([mode & 0o777, owner]).toEqual([0o600, uid]);
    expect(await converse('alice', formatPreface('192.0.2.1'))).toBe('refused not today\n');
    expect(lines.find(({ message }) => message === 'stdio connection')?.fields).toEqual({
      user: 'alice',
      statedAddress: '192.0.2.1',
    });
  });

  it('refuse a user who has the maximum of sessions', async () => {
    await start({ live: new LiveSessions({ ...defaultSftpLimits, maxSessionsPerUser: 0 }, testClock) });
    expect(await converse('alice', formatPreface('192.0.2.1'))).toBe(
      'refused too many sessions of this user: close some and try again\n',
    );
  });

  it('are removed at the end, also those that an earlier run left', async () => {
    const first = await start();
    users = [];
    await start();
    expect(existsSync(userSocketPath(directory, 'alice'))).toBe(false);
    await first.stopListening();
  });

  it.skipIf(uid === 0)('are not made for users to whom they cannot be given', async () => {
    users = [{ name: 'alice', uid: 0 }];
    await start();
    expect(existsSync(userSocketPath(directory, 'alice'))).toBe(false);
    expect(lines.map(({ message }) => message)).toEqual(['no socket for a user of the machine']);
  });
});
