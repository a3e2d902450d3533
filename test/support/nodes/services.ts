import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { freePort } from '../free-port.js';
import { HaproxyProcess } from '../haproxy-process.js';
import type { Certificate } from './certificate.js';
import type { NodeNetwork } from './network.js';
import type { PostgresPair } from './postgres-pair.js';

const example = resolve(import.meta.dirname, '../../../examples/haproxy/postgres.cfg');

/** Services that the nodes reach over the network, through one HAProxy: the primary of PostgreSQL, S3, and webhooks of the test. */
export class Services implements AsyncDisposable {
  /** The address of PostgreSQL, as HOST:PORT. */
  readonly database: string;
  /** The URL of S3. */
  readonly s3: string;
  /** The origin of the receiver of webhooks; its path is that of the receiver. */
  readonly webhooks: string;
  readonly #process: HaproxyProcess;

  private constructor(fields: Pick<Services, 'database' | 's3' | 'webhooks'>, process: HaproxyProcess) {
    this.database = fields.database;
    this.s3 = fields.s3;
    this.webhooks = fields.webhooks;
    this.#process = process;
  }

  /** Starts HAProxy with the example for PostgreSQL. `s3` and `receiver` are URLs on this machine. */
  static async start(options: {
    readonly network: NodeNetwork;
    readonly certificate: Certificate;
    readonly pair: PostgresPair;
    readonly s3: string;
    readonly receiver: string;
  }): Promise<Services> {
    const { network, certificate, pair, s3, receiver } = options;
    const [databasePort, s3Port, webhookPort] = [await freePort(), await freePort(), await freePort()];
    const members = pair.members.map(
      ({ port, rolePort }, index) =>
        `    server db${index + 1} 127.0.0.1:${port} port ${rolePort} inter 500ms\n`,
    );
    const forward = (name: string, port: number, url: string) => {
      const { hostname, port: to, protocol } = new URL(url);
      const tls = protocol === 'https:' ? ' ssl verify none' : '';
      const bind = `    bind ${network.gatewayAddress}:${port} ssl crt ${certificate.bothFile}\n`;
      return `\nlisten ${name}\n${bind}    server ${name} ${hostname}:${to}${tls}\n`;
    };
    const text = readFileSync(example, 'utf8')
      .replace('bind :5432', `bind ${network.databaseAddress}:${databasePort}`)
      .replace(/( {4}server .*\n)+$/, members.join(''));
    const process = await HaproxyProcess.start(
      text + forward('s3', s3Port, s3) + forward('webhooks', webhookPort, receiver),
      { host: network.databaseAddress, port: databasePort },
    );
    const origin = `https://${network.gatewayAddress}`;
    return new Services(
      {
        database: `${network.databaseAddress}:${databasePort}`,
        s3: `${origin}:${s3Port}`,
        webhooks: `${origin}:${webhookPort}`,
      },
      process,
    );
  }

  /** The log of HAProxy so far. */
  get output(): string {
    return this.#process.output;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
