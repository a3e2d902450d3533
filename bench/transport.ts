import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startDelayProxy } from './delay-proxy.js';
import { cpuSeconds } from './measure.js';
import type { Arena } from './peers/peer.js';
import { startSshd } from './peers/sshd.js';
import { asServer, stop } from './process.js';
import type { Row } from './table.js';
import { type Files, sftpBatch } from './workload.js';

const serverScript = resolve(import.meta.dirname, 'transport-server.js');

/** The rows of one direction: the gateway's server first, then OpenSSH's. */
export interface TransportRows {
  readonly upload: readonly Row[];
  readonly download: readonly Row[];
}

interface Contender {
  readonly port: number;
  readonly user: string;
  readonly file: string;
  readonly upload: MeasuredRow;
  readonly download: MeasuredRow;
  cpuSeconds(): number;
}

interface MeasuredRow extends Row {
  readonly seconds: number[];
  readonly cpu: number[];
}

/**
 * Measures the SSH and SFTP layers alone: the gateway's server, which discards the data, and OpenSSH's with a
 * memory file system. With a latency, both are reached through a proxy that delays each direction by so many
 * milliseconds.
 */
export async function measureTransport(
  arena: Arena,
  files: Files,
  rounds: number,
  latencyMs: number,
): Promise<TransportRows> {
  const memory = mkdtempSync('/dev/shm/sftpgw-bench-');
  try {
    await using sshd = await startSshd(join(arena.work, `sshd-${latencyMs}`), arena.identity);
    await using ours = await startTransport(arena, files.largeBytes);
    await using links = new AsyncDisposableStack();
    const portOf = async (port: number) =>
      latencyMs === 0 ? port : links.use(await startDelayProxy(port, latencyMs)).port;
    const contenders: Contender[] = [
      {
        ...emptyRows('sftpgw, data discarded'),
        port: await portOf(ours.port),
        user: 'bench',
        file: '/uploads/large.bin',
        cpuSeconds: () => ours.cpuSeconds(),
      },
      {
        ...emptyRows('OpenSSH sshd'),
        port: await portOf(sshd.port),
        user: 'root',
        file: join(memory, 'large.bin'),
        cpuSeconds: () => sshd.cpuSeconds(),
      },
    ];
    for (let round = 0; round < rounds; round += 1) {
      for (const contender of contenders) {
        await measure(arena, contender, contender.upload, `put ${files.large} ${contender.file}`);
        await measure(arena, contender, contender.download, `get ${contender.file} /dev/null`);
      }
    }
    return {
      upload: contenders.map(({ upload }) => upload),
      download: contenders.map(({ download }) => download),
    };
  } finally {
    rmSync(memory, { recursive: true, force: true });
  }
}

function emptyRows(name: string): Pick<Contender, 'upload' | 'download'> {
  const row = (): MeasuredRow => ({ name, seconds: [], cpu: [], failure: null });
  return { upload: row(), download: row() };
}

async function measure(arena: Arena, contender: Contender, row: MeasuredRow, batch: string): Promise<void> {
  const before = contender.cpuSeconds();
  row.seconds.push(await sftpBatch(arena, contender, batch));
  row.cpu.push(contender.cpuSeconds() - before);
}

/** Starts the gateway's SFTP server alone. Each file that a client reads has `fileBytes` bytes. */
export async function startTransport(
  arena: Arena,
  fileBytes: number,
): Promise<AsyncDisposable & { port: number; cpuSeconds(): number }> {
  const keys = [`${arena.identity}.pub`, join(arena.work, 'host-keys')];
  const child = asServer(
    spawn(process.execPath, [serverScript, ...keys, '0', String(fileBytes)], {
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
    cpuSeconds: () => cpuSeconds(pid),
    [Symbol.asyncDispose]: () => stop(child),
  };
}
