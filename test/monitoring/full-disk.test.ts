import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';
import { MonitoredGateway } from './monitored-gateway.js';

/** Mounts a file system of 128 MiB, if this machine allows a test to do that. */
function mountSmall(directory: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128m', 'tmpfs', directory], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function canMount(): boolean {
  const probe = mkdtempSync(join(tmpdir(), 'monitoring-mount-'));
  const isMounted = mountSmall(probe);
  if (isMounted) execFileSync('umount', [probe]);
  rmSync(probe, { recursive: true });
  return isMounted;
}

const skip = embeddedSkip ?? missing('ssh-keygen') ?? (canMount() ? null : 'this user cannot mount');

describe.skipIf(skip !== null)(`the readiness on a full disk${skip ? ` (${skip})` : ''}`, () => {
  it('fails when the disk of the database is nearly full, and recovers', async () => {
    await using monitored = await MonitoredGateway.prepare();
    const state = join(monitored.gateway.root, 'var/lib/sftpgw');
    mkdirSync(state, { recursive: true });
    mountSmall(state);
    try {
      await monitored.gateway.serve();
      await eventually('ready', async () => (await monitored.get('/readyz')).status === 200);
      const filler = join(state, 'filler');
      writeFileSync(filler, Buffer.alloc(70 * 1024 * 1024));
      const text = await eventually('not ready', async () => {
        const answer = await monitored.get('/readyz');
        return answer.status === 503 && (await answer.text());
      });
      expect(text).toMatch(
        /"name":"disk","ok":false,"kind":"over-quota","reason":"the disk of [^"]+ has \d+ MiB left/,
      );
      rmSync(filler);
      await eventually('ready', async () => (await monitored.get('/readyz')).status === 200);
    } finally {
      await monitored.gateway.end('SIGKILL');
      execFileSync('umount', [state]);
    }
  });
});
