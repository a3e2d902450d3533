import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { counters, gauges, histograms } from '../../src/metrics/descriptions.js';
import { ended, runOk } from '../support/command.js';
import { freePort } from '../support/free-port.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';
import { MonitoredGateway } from './monitored-gateway.js';

const directory = resolve(import.meta.dirname, '../../docs/monitoring');
const skip = embeddedSkip ?? missing('prometheus', 'promtool', 'ssh-keygen');
const alerts = readFileSync(join(directory, 'alerts.yml'), 'utf8');
const dashboard = readFileSync(join(directory, 'grafana-dashboard.json'), 'utf8');

const exported = new Set([
  ...Object.keys(counters),
  ...Object.keys(gauges),
  ...Object.keys(histograms).flatMap((name) =>
    ['', '_bucket', '_sum', '_count'].map((end) => `${name}${end}`),
  ),
]);

/** Returns the names of metrics in the text. */
function metricsIn(text: string): readonly string[] {
  return [...text.matchAll(/\b(?:sftpgw|process)_[a-z0-9_]+/g)].map(([name]) => name);
}

describe('docs/monitoring', () => {
  it('uses only metrics that the gateway exports', () => {
    for (const text of [alerts, dashboard]) {
      expect(metricsIn(text).length).toBeGreaterThan(10);
      expect(metricsIn(text).filter((name) => !exported.has(name))).toEqual([]);
    }
  });

  it('uses every metric that the gateway exports', () => {
    const used = new Set(
      [...metricsIn(dashboard), ...metricsIn(alerts)].map((name) => name.replace(/_bucket$/, '')),
    );
    const named = [counters, gauges, histograms].flatMap((described) => Object.keys(described));
    expect(named.filter((name) => !used.has(name))).toEqual([]);
  });

  it('explains every metric and every alert in docs/MONITORING.md', () => {
    const page = readFileSync(join(directory, '../MONITORING.md'), 'utf8');
    const names = [counters, gauges, histograms].flatMap((described) => Object.keys(described));
    expect(names.filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([]);
    const named = [...alerts.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([]);
  });

  it.skipIf(skip !== null)(`has alert rules, each tested${skip ? ` (${skip})` : ''}`, async () => {
    await runOk('promtool', ['check', 'rules', join(directory, 'alerts.yml')]);
    await runOk('promtool', ['test', 'rules', join(directory, 'alerts.test.yml')]);
    const tests = readFileSync(join(directory, 'alerts.test.yml'), 'utf8');
    const names = [...alerts.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
    expect(names.filter((name) => !tests.includes(`- name: ${name}\n`))).toEqual([]);
  });
});

describe.skipIf(skip !== null)(`Prometheus in front of a gateway${skip ? ` (${skip})` : ''}`, () => {
  it('scrapes it, evaluates the rules, and answers the queries of the dashboard', async () => {
    await using monitored = await MonitoredGateway.start();
    await using prometheus = await Prometheus.start(monitored.url);
    await eventually('a scrape', async () => (await prometheus.query('up{job="sftpgw"} == 1')).length === 1);
    expect(await prometheus.query('sftpgw_check_ok == 1')).toHaveLength(4);
    const { panels } = JSON.parse(dashboard) as {
      readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
    };
    for (const { expr } of panels.flatMap(({ targets }) => targets)) {
      await prometheus.query(expr.replaceAll('$instance', '.*'));
    }
    const { data } = (await prometheus.get('/api/v1/rules')) as {
      readonly data: {
        readonly groups: readonly { readonly rules: readonly { readonly health: string }[] }[];
      };
    };
    expect(data.groups.flatMap(({ rules }) => rules).filter(({ health }) => health === 'err')).toEqual([]);
    expect(await prometheus.query('ALERTS{alertstate="firing"}')).toEqual([]);
  });
});

/** A Prometheus server that scrapes one gateway. */
class Prometheus implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #url: string;
  readonly #work: string;

  private constructor(child: ChildProcess, url: string, work: string) {
    this.#child = child;
    this.#url = url;
    this.#work = work;
  }

  static async start(target: string): Promise<Prometheus> {
    const work = mkdtempSync(join(tmpdir(), 'prometheus-'));
    const config = join(work, 'prometheus.yml');
    writeFileSync(
      config,
      `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ['${join(directory, 'alerts.yml')}']
scrape_configs:
  - job_name: sftpgw
    static_configs: [{targets: ['${new URL(target).host}']}]
`,
    );
    const address = `127.0.0.1:${await freePort()}`;
    const flags = [`--config.file=${config}`, `--storage.tsdb.path=${join(work, 'data')}`];
    const child = spawn('prometheus', [...flags, `--web.listen-address=${address}`], { stdio: 'ignore' });
    const prometheus = new Prometheus(child, `http://${address}`, work);
    await eventually('Prometheus is ready', async () => {
      if (child.exitCode !== null) throw new Error(`prometheus exited with ${child.exitCode}`);
      return (await fetch(`http://${address}/-/ready`).catch(() => null))?.ok ?? false;
    });
    return prometheus;
  }

  async get(path: string): Promise<unknown> {
    const answer = await fetch(`${this.#url}${path}`, { signal: AbortSignal.timeout(30_000) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async query(expression: string): Promise<readonly unknown[]> {
    const answer = (await this.get(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as {
      readonly data: { readonly result: readonly unknown[] };
    };
    return answer.data.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const end = ended(this.#child);
    this.#child.kill('SIGTERM');
    await end;
    rmSync(this.#work, { recursive: true, force: true });
  }
}
