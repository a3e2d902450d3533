import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended } from './command.js';
import { eventually } from './wait.js';

/** An address at which HAProxy listens. */
export interface Listening {
  readonly host: string;
  readonly port: number;
}

/** A process of HAProxy with a configuration in a directory of its own. */
export class HaproxyProcess implements AsyncDisposable {
  readonly #directory: string;
  readonly #listening: Listening;
  #child: ChildProcess | null = null;
  #output = '';

  private constructor(directory: string, listening: Listening) {
    this.#directory = directory;
    this.#listening = listening;
  }

  /** Starts HAProxy and waits until it accepts connections at the address, one of those in the text. */
  static async start(text: string, listening: Listening): Promise<HaproxyProcess> {
    const directory = mkdtempSync(join(tmpdir(), 'sftpgw-haproxy-'));
    writeFileSync(join(directory, 'haproxy.cfg'), text);
    const proxy = new HaproxyProcess(directory, listening);
    await proxy.#serve();
    return proxy;
  }

  /** The log of HAProxy so far. */
  get output(): string {
    return this.#output;
  }

  /** Ends HAProxy with all its connections, and starts it again. */
  async restart(): Promise<void> {
    await this.#end();
    await this.#serve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    rmSync(this.#directory, { recursive: true });
  }

  async #serve(): Promise<void> {
    // It ends with this process, however that ends.
    const args = ['--pdeathsig', 'KILL', 'haproxy', '-db', '-f', join(this.#directory, 'haproxy.cfg')];
    const child = spawn('setpriv', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
    await eventually('HAProxy listens', () => {
      if (child.exitCode !== null) throw new Error(`HAProxy exited with ${child.exitCode}\n${this.#output}`);
      return accepts(this.#listening);
    });
  }

  async #end(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const end = ended(child);
    child.kill('SIGKILL');
    await end;
  }
}

function accepts({ host, port }: Listening): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
