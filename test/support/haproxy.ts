import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { freePort } from './free-port.js';
import { HaproxyProcess } from './haproxy-process.js';

/** A node behind the proxy. */
export interface ProxiedNode {
  readonly name: string;
  /** The address of the node; 127.0.0.1 by default. */
  readonly host?: string;
  readonly sftpPort: number;
  /** The port of `metrics.listen`, which has `/readyz`. */
  readonly metricsPort: number;
}

const example = resolve(import.meta.dirname, '../../examples/haproxy/haproxy.cfg');

/** HAProxy with the configuration of `examples/`, and the addresses of a test in it. */
export class Haproxy implements AsyncDisposable {
  readonly port: number;
  /** Ports of 127.0.0.1 that lead to one node each. */
  readonly nodePorts: readonly number[];
  readonly #process: HaproxyProcess;

  private constructor(port: number, nodePorts: readonly number[], process: HaproxyProcess) {
    this.port = port;
    this.nodePorts = nodePorts;
    this.#process = process;
  }

  /** Starts HAProxy, which takes the nodes for ready until its checks fail. `inter` is the time between checks. */
  static async start(nodes: readonly ProxiedNode[], inter = '300ms'): Promise<Haproxy> {
    const port = await freePort();
    const ports: number[] = [];
    const servers: string[] = [];
    const single: string[] = [];
    for (const { name, host = '127.0.0.1', sftpPort, metricsPort } of nodes) {
      const nodePort = await freePort();
      ports.push(nodePort);
      servers.push(`    server ${name} ${host}:${sftpPort} port ${metricsPort} inter ${inter}\n`);
      single.push(
        `listen only-${name}\n    bind 127.0.0.1:${nodePort}\n    server ${name} ${host}:${sftpPort} send-proxy-v2\n`,
      );
    }
    const text = readFileSync(example, 'utf8')
      .replace('bind :22', `bind 127.0.0.1:${port}`)
      .replace(/( {4}server .*\n)+$/, `${servers.join('')}\n${single.join('')}`);
    return new Haproxy(port, ports, await HaproxyProcess.start(text, { host: '127.0.0.1', port }));
  }

  /** The log of HAProxy so far. */
  get output(): string {
    return this.#process.output;
  }

  /** Ends HAProxy with all its connections, and starts it again. */
  restart(): Promise<void> {
    return this.#process.restart();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
