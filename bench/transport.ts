import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cpuSeconds } from './measure.js';
import type { Arena } from './peers/peer.js';
import { startSshd } from './peers/sshd.js';
import { asServer, stop } from './process.js';
import type { Row } from './table.js';
import { type Files, sftpBatch } from './workload.js';

const serverScript = resolve(import.meta.dirname, 'transport-server.js');

/**
 * Measures the SSH and SFTP layers alone: the gateway's server, which discards the data, and OpenSSH's with a
 * memory file system.
 */
export async function measureTransport(arena: Arena, files: Files, rounds: number): Promise<Row[]> {
  const own = {
    name: 'sftpgw, data discarded',
    seconds: [] as number[],
    cpu: [] as number[],
    failure: null,
  };
  const openssh = { name: 'OpenSSH sshd', seconds: [] as number[], cpu: [] as number[], failure: null };
  const memory = mkdtempSync('/dev/shm/sftpgw-bench-');
  try {
    await using sshd = await startSshd(join(arena.work, 'sshd'), arena.identity);
    await using ours = await startServer(arena);
    for (let round = 0; round < rounds; round += 1) {
      const before = ours.cpuSeconds();
      own.seconds.push(await sftpBatch(arena, ours, `put ${files.large} /uploads/large.bin`));
      own.cpu.push(ours.cpuSeconds() - before);
      const sshdBefore = sshd.cpuSeconds();
      openssh.seconds.push(
        await sftpBatch(arena, { port: sshd.port, user: 'root' }, `put ${files.large} ${memory}/large.bin`),
      );
      openssh.cpu.push(sshd.cpuSeconds() - sshdBefore);
    }
  } finally {
    rmSync(memory, { recursive: true, force: true });
  }
  return [own, openssh];
}

async function startServer(
  arena: Arena,
): Promise<AsyncDisposable & { port: number; user: string; cpuSeconds(): number }> {
  const child = asServer(
    spawn(process.execPath, [serverScript, `${arena.identity}.pub`, join(arena.work, 'host-keys')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const port = await new Promise<number>((resolvePort, reject) => {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      const ready = /ready (\d+)/.exec(output);
      if (ready !== null) resolvePort(Number(ready[1]));
    });
    child.once('exit', (code) => reject(new Error(`the server exited with ${code}: ${output}`)));
  });
  const pid = child.pid ?? 0;
  return {
    port,
    user: 'bench',
    cpuSeconds: () => cpuSeconds(pid),
    [Symbol.asyncDispose]: () => stop(child),
  };
}
