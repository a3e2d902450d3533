import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ended } from './command.js';
import { freePort } from './free-port.js';
import { eventually } from './wait.js';

/** A node behind the proxy. */
export interface ProxiedNode {
  readonly name: string;
  readonly sftpPort: number;
  /** The port of `metrics.listen`, which has `/readyz`. */
  readonly metricsPort: number;
}

const example = resolve(import.meta.dirname, '../../examples/haproxy/haproxy.cfg');

/** HAProxy with the configuration of `examples/`, and the addresses of a test in it. */
export class Haproxy implements AsyncDisposable {
  readonly port: number;
  readonly #directory: string;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(port: number, directory: string, child: ChildProcess) {
    this.port = port;
    this.#directory = directory;
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
  }

  /** Starts HAProxy, which takes the nodes for ready until its checks fail. */
  static async start(nodes: readonly ProxiedNode[]): Promise<Haproxy> {
    const directory = mkdtempSync(join(tmpdir(), 'sftpgw-haproxy-'));
    const port = await freePort();
    const servers = nodes.map(
      ({ name, sftpPort, metricsPort }) =>
        `    server ${name} 127.0.0.1:${sftpPort} port ${metricsPort} inter 300ms`,
    );
    const text = readFileSync(example, 'utf8')
      .replace('bind :22', `bind 127.0.0.1:${port}`)
      .replace(/( {4}server .*\n)+$/, `${servers.join('\n')}\n`);
    const file = join(directory, 'haproxy.cfg');
    writeFileSync(file, text);
    const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    const proxy = new Haproxy(port, directory, child);
    await eventually('HAProxy listens', () => {
      if (child.exitCode !== null) throw new Error(`HAProxy exited with ${child.exitCode}\n${proxy.#output}`);
      return accepts(port);
    });
    return proxy;
  }

  /** The log of HAProxy so far. */
  get output(): string {
    return this.#output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      const end = ended(this.#child);
      this.#child.kill('SIGKILL');
      await end;
    }
    rmSync(this.#directory, { recursive: true });
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
