import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { Stage } from '../arena.js';
import { median } from '../measure.js';
import type { Arena, Peer } from '../peers/peer.js';
import { startSftpgw } from '../peers/sftpgw.js';
import { exit } from '../process.js';
import type { Report } from '../results/report.js';
import { startTransport } from '../transport.js';
import { downloadLarge, type Files, sftpBatch, uploadLarge } from '../workload.js';

const plainScript = resolve(import.meta.dirname, 'plain-s3.js');
const blockBytes = 8 * 1024 * 1024;
/** The gateway also checks, counts and records: at most a quarter of its layers. */
const maxRatio = 1.25;

interface Layers {
  readonly transport: number[];
  readonly plain: number[];
  readonly gateway: number[];
}

/**
 * Measures the CPU of the gateway for a large file against that of its two layers: the SSH transport that discards the
 * data, and the cheapest https transfer of the same bytes that Node can do. They take turns.
 */
export async function measureLayers(
  stage: Stage,
  files: Files,
  rounds: number,
  report: Report,
): Promise<void> {
  const arena = stage.arena('layers');
  await using transport = await startTransport(arena, files.largeBytes);
  await using gateway = await startSftpgw(arena);
  const upload: Layers = { transport: [], plain: [], gateway: [] };
  const download: Layers = { transport: [], plain: [], gateway: [] };
  // The first round of a program also compiles its code.
  for (let round = -1; round < rounds; round += 1) {
    const add = async (name: keyof Layers, put: () => Promise<number>, get: () => Promise<number>) => {
      const [sent, fetched] = [await put(), await get()];
      if (round < 0) return;
      upload[name].push(sent);
      download[name].push(fetched);
      process.stderr.write(`${name}: ${sent.toFixed(2)} and ${fetched.toFixed(2)} s of CPU\n`);
    };
    const at = { port: transport.port, user: 'bench' };
    const alone = (batch: string) => cpuOf(transport, () => sftpBatch(arena, at, batch));
    await add(
      'transport',
      () => alone(`put ${files.large} /uploads/large.bin`),
      () => alone('get /uploads/large.bin /dev/null'),
    );
    await add(
      'plain',
      () => plainTransfer(arena, files, 'PUT'),
      () => plainTransfer(arena, files, 'GET'),
    );
    await add(
      'gateway',
      () => cpuOf(gateway, () => uploadLarge(arena, gateway, files)),
      () => cpuOf(gateway, () => downloadLarge(arena, gateway, '/dev/null')),
    );
  }
  const gib = files.largeBytes / 1024 ** 3;
  report.print(
    `### CPU of the layers, ${files.largeBytes / 1024 ** 2} MiB, ${rounds} rounds, seconds per GiB, medians\n\n`,
  );
  report.print('| what | upload | download |\n|---|---|---|\n');
  for (const [name, label] of layerNames) {
    const [sent, fetched] = [upload, download].map((layers) => (median(layers[name]) / gib).toFixed(2));
    report.print(`| ${label} | ${sent} | ${fetched} |\n`);
  }
  report.ratio('layers, upload: CPU over the sum of the layers', overLayers(upload), { atMost: maxRatio });
  report.ratio('layers, download: CPU over the sum of the layers', overLayers(download), {
    atMost: maxRatio,
  });
}

const layerNames = [
  ['transport', 'the SSH transport alone'],
  ['plain', 'the cheapest https transfer'],
  ['gateway', 'the gateway'],
] as const;

function overLayers({ transport, plain, gateway }: Layers): number {
  return median(gateway.map((cpu, round) => cpu / ((transport[round] ?? 0) + (plain[round] ?? 0))));
}

async function cpuOf(server: Pick<Peer, 'cpuSeconds'>, work: () => Promise<unknown>): Promise<number> {
  const before = server.cpuSeconds();
  await work();
  return server.cpuSeconds() - before;
}

/** Runs `plain-s3` for as many bytes as the large file has, and returns its CPU seconds. */
async function plainTransfer(arena: Arena, files: Files, method: 'GET' | 'PUT'): Promise<number> {
  const child = spawn(process.execPath, [plainScript], {
    env: {
      PATH: process.env['PATH'],
      PLAIN_ENDPOINT: arena.endpoint,
      PLAIN_CA: arena.caFile,
      PLAIN_REGION: arena.region,
      PLAIN_BUCKET: arena.bucket,
      PLAIN_KEY: arena.keyBase64,
      PLAIN_METHOD: method,
      PLAIN_BLOCKS: String(Math.ceil(files.largeBytes / blockBytes)),
      PLAIN_BLOCK_BYTES: String(blockBytes),
      AWS_ACCESS_KEY_ID: arena.accessKeyId,
      AWS_SECRET_ACCESS_KEY: arena.secretAccessKey,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  if ((await exit(child)) !== 0) throw new Error('the plain transfer failed');
  return (JSON.parse(output) as { readonly cpu: number }).cpu;
}
