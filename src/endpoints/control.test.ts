import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { remoteBans, remoteMirror, remoteSessions } from '../api/control-client.js';
import { listenOnSocket } from '../api/server/listen.js';
import { createApiServer } from '../api/server/server.js';
import { memoryIdempotencyKeys } from '../api/testing/memory-keys.js';
import { AuditScribe } from '../audit/scribe.js';
import { rootPaths } from '../config/paths.js';
import { noAudit } from '../model/audit.js';
import type { Ban, BanAdministration } from '../model/bans.js';
import { Fault } from '../model/fault.js';
import type { SessionAdministration, SessionStatus } from '../model/live.js';
import type { MirrorPrefixStatus } from '../model/mirror.js';
import type { LiveMirrorStatus, MirrorRunEvent, MirrorRuns } from '../model/mirror-runs.js';
import { call, seededEntropy } from '../vault/testing/vault-world.js';
import type { ApiContext } from './context.js';
import { operations } from './operations.js';

const status: MirrorPrefixStatus = {
  name: 'downloads/bob',
  bucket: 'b',
  prefix: 'bob/downloads/',
  directory: '/d',
  objects: 1,
  bytes: 2,
  lastPass: null,
  completeMs: null,
  problemCount: 0,
  problems: [],
};
const presence: LiveMirrorStatus = { status, progress: null, waitingEvents: 3, lagMs: 4, isBehind: false };
const events: readonly MirrorRunEvent[] = [
  { kind: 'progress', name: status.name, progress: null },
  { kind: 'done', status },
];

const session: SessionStatus = {
  id: '3f9a01c2d4e5f607',
  node: null,
  protocol: 'sftp',
  username: 'bob',
  address: '192.0.2.7',
  methods: 'publickey',
  keyFingerprint: 'SHA256:x',
  certificate: null,
  connection: null,
  startedMs: 1,
  idleMs: 2,
  bytesReceived: 3,
  bytesSent: 4,
  transfers: [],
};

const ban: Ban = { source: '192.0.2.7', scope: 'everyone', cause: 'logins', sinceMs: 1, untilMs: 2 };

describe('the control socket', () => {
  let directory: string;
  let path: string;
  let mirror: MirrorRuns;
  let bans: BanAdministration;
  const sessions: SessionAdministration = {
    list: async () => [session],
    disconnect: async (id) => (id === session.id ? session : null),
  };
  const signal = new AbortController().signal;
  const start = () => {
    // These operations use nothing else.
    const root = {
      settings: { paths: rootPaths(directory) },
      scribe: new AuditScribe(noAudit, { kind: 'gateway', name: 'x' }),
    };
    const context = { root, mirror, bans, sessions } as unknown as ApiContext;
    const { log } = call();
    const idempotencyKeys = memoryIdempotencyKeys();
    const entropy = seededEntropy('control');
    return listenOnSocket(createApiServer({ operations, context, idempotencyKeys, log, entropy }), path);
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'control-'));
    path = join(directory, 'control.sock');
    mirror = {
      run: async (_names, report) => events.forEach(report),
      liveStatus: async () => [presence],
    };
    bans = {
      list: async () => [ban],
      add: async (source, durationMs) => ({ ...ban, source, untilMs: durationMs }),
      clear: async () => 2,
    };
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('belongs to its owner alone, replaces the file of a crash, and sends the mirror’s events in order', async () => {
    writeFileSync(path, 'left by a crash');
    const asked: unknown[] = [];
    mirror = {
      ...mirror,
      run: async (names, report) => {
        asked.push(names);
        events.forEach(report);
      },
    };
    await using _endpoint = await start();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const remote = remoteMirror(path, signal);
    const seen: MirrorRunEvent[] = [];
    await remote.run(['downloads/bob'], (event) => seen.push(event));
    await remote.run(null, () => undefined);
    expect(seen).toEqual(events);
    expect(asked).toEqual([['downloads/bob'], null]);
    expect(await remote.liveStatus()).toEqual([presence]);
  });

  it('reports a failure before or after the first event', async () => {
    const refusal = new Fault('not-found', 'no mirrored prefix is named x');
    let isLate = false;
    mirror = {
      ...mirror,
      run: async (_names, report) => {
        if (isLate) events.forEach(report);
        throw refusal;
      },
    };
    await using _endpoint = await start();
    for (isLate of [false, true]) {
      const running = remoteMirror(path, signal).run(['x'], () => undefined);
      await expect(running).rejects.toMatchObject({ kind: 'not-found', hint: refusal.hint });
    }
  });

  it('reports a missing gateway, an interruption and a timeout', async () => {
    await expect(remoteMirror(path, signal).liveStatus()).rejects.toMatchObject({
      kind: 'unavailable',
      hint: expect.stringContaining(path),
    });
    const server = createServer((socket) => void socket.resume().on('error', () => undefined));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await expect(remoteMirror(path, signal, 50).liveStatus()).rejects.toMatchObject({ kind: 'timed-out' });
    const interrupted = new AbortController();
    const asking = remoteMirror(path, interrupted.signal).run(null, () => undefined);
    interrupted.abort();
    await expect(asking).rejects.toMatchObject({ kind: 'cancelled' });
    await new Promise((resolve) => server.close(resolve));
    const endpoint = await start();
    mirror.run = (_names, report) => {
      events.forEach(report);
      return new Promise(() => undefined);
    };
    const cutOff = remoteMirror(path, signal).run(null, (event) => {
      if (event.kind === 'done') void endpoint[Symbol.asyncDispose]();
    });
    await expect(cutOff).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('cannot have a path that the system would truncate', async () => {
    path = join(directory, 'x'.repeat(108), 'control.sock');
    const refusal = {
      kind: 'invalid',
      hint: expect.stringMatching(/bytes, but the maximum is 10[37]; use a root/),
    };
    await expect(start()).rejects.toMatchObject(refusal);
    await expect(remoteMirror(path, signal).liveStatus()).rejects.toMatchObject(refusal);
  });

  it('refuses an invalid request', async () => {
    await using _endpoint = await start();
    const asking = remoteMirror(path, signal).run({} as unknown as null, () => undefined);
    await expect(asking).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('lists the sessions, and disconnects one by its id', async () => {
    await using _endpoint = await start();
    const remote = remoteSessions(path, signal);
    expect(await remote.list()).toEqual([session]);
    expect(await remote.disconnect(session.id)).toEqual(session);
    expect(await remote.disconnect('unknown')).toBeNull();
  });

  it('lists, adds and ends bans, and returns their faults', async () => {
    await using _endpoint = await start();
    const remote = remoteBans(path, signal);
    expect(await remote.list()).toEqual([ban]);
    expect(await remote.add('192.0.2.8', 60_000)).toEqual({ ...ban, source: '192.0.2.8', untilMs: 60_000 });
    expect(await remote.clear(null)).toBe(2);
    await expect(remote.add('192.0.2.8', 0)).rejects.toMatchObject({ kind: 'invalid' });
    bans.clear = async () => {
      throw new Fault('invalid', 'invalid address "x"');
    };
    await expect(remote.clear('x')).rejects.toMatchObject({ kind: 'invalid', hint: 'invalid address "x"' });
  });
});
