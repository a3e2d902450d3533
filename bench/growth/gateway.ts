import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { childCpuSeconds, cpuSeconds, peakMemoryMib } from '../measure.js';
import { asServer, exit, freePort, listening, stop } from '../process.js';
import type { Turns } from './turn-probe.js';

const mainScript = resolve(import.meta.dirname, '../bin/sftpgw.js');

/** The cost of one step: its duration, the CPU of the gateway and of the commands, and the longest turns. */
export interface Cost extends Turns {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** A running gateway that reports the turns of its event loop. */
export class MeasuredGateway implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #pid: number;

  private constructor(child: ChildProcess, port: number) {
    if (child.pid === undefined) throw new Error('sftpgw did not start');
    this.#child = child;
    this.#pid = child.pid;
    this.port = port;
  }

  /** Starts `sftpgw serve` and waits until it accepts connections. Returns it with the cost of the start. */
  static async start(
    args: readonly string[],
    env: NodeJS.ProcessEnv,
  ): Promise<{ readonly gateway: MeasuredGateway; readonly cost: Cost }> {
    const port = await freePort();
    const probe = resolve(import.meta.dirname, 'turn-probe.js');
    const started = performance.now();
    const command = ['--import', probe, mainScript, 'serve', ...args, '--sftp-listen', `127.0.0.1:${port}`];
    const stdio = ['ignore', 'ignore', 'ignore', 'ipc'] as const;
    const child = asServer(spawn(process.execPath, command, { env, stdio: [...stdio] }));
    const gateway = new MeasuredGateway(child, port);
    await listening(port, 120_000);
    const seconds = (performance.now() - started) / 1000;
    return { gateway, cost: { seconds, cpuSeconds: cpuSeconds(gateway.#pid), ...(await gateway.#turns()) } };
  }

  get memoryMib(): number {
    return peakMemoryMib(this.#pid);
  }

  /** Returns what the work costs. */
  async costOf(work: () => Promise<unknown>): Promise<Cost> {
    await this.#turns();
    const before = cpuSeconds(this.#pid) + childCpuSeconds();
    const started = performance.now();
    await work();
    const seconds = (performance.now() - started) / 1000;
    const after = cpuSeconds(this.#pid) + childCpuSeconds();
    return { seconds, cpuSeconds: after - before, ...(await this.#turns()) };
  }

  async #turns(): Promise<Turns> {
    const answer = once(this.#child, 'message');
    this.#child.send('turns');
    return (await answer)[0] as Turns;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#child);
  }
}

/**
 * Runs a command of the gateway and returns its output. The proxy in this process works meanwhile. Throws for other
 * exit codes than these.
 */
export async function runCommand(
  env: NodeJS.ProcessEnv,
  codes: readonly number[],
  ...args: readonly string[]
): Promise<string> {
  const child = spawn(process.execPath, [mainScript, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  const code = await exit(child);
  if (!codes.includes(code ?? -1)) throw new Error(`sftpgw ${args.join(' ')} exited with ${code}: ${output}`);
  return output;
}

/** Starts only the embedded S3 server. */
export async function startS3(
  root: string,
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const port = await freePort();
  const args = [mainScript, 's3', '--root', root, '--s3-listen', `127.0.0.1:${port}`];
  const child = asServer(spawn(process.execPath, args, { stdio: 'ignore' }));
  await listening(port);
  return { child, port };
}
