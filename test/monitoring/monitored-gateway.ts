import { freePort } from '../support/free-port.js';
import { Gateway, type GatewayOptions } from '../support/gateway.js';

/** A gateway with `metrics.listen`, and what it exports. */
export class MonitoredGateway implements AsyncDisposable {
  readonly gateway: Gateway;
  readonly url: string;

  private constructor(gateway: Gateway, url: string) {
    this.gateway = gateway;
    this.url = url;
  }

  /** Creates its root, without starting it. */
  static async prepare(s3: GatewayOptions['s3'] = null): Promise<MonitoredGateway> {
    const listen = `127.0.0.1:${await freePort()}`;
    const gateway = await Gateway.prepare({ s3, properties: { 'metrics.listen': listen } });
    return new MonitoredGateway(gateway, `http://${listen}`);
  }

  static async start(s3: GatewayOptions['s3'] = null): Promise<MonitoredGateway> {
    const monitored = await MonitoredGateway.prepare(s3);
    await monitored.gateway.serve();
    return monitored;
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, { headers, signal: AbortSignal.timeout(30_000) });
  }

  async text(): Promise<string> {
    const answer = await this.get('/metrics');
    if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}`);
    return answer.text();
  }

  /** Returns the sum of the series with this name and these labels; 0 without any. */
  async value(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return valueIn(await this.text(), name, labels);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.gateway[Symbol.asyncDispose]();
  }
}

/** Returns the sum of the series with this name and these labels. */
export function valueIn(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  let sum = 0;
  for (const line of text.split('\n')) {
    const [, found, has = '', value] = /^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (found === name && wanted.every((label) => has.split(',').includes(label))) sum += Number(value);
  }
  return sum;
}
