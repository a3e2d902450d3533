import { setTimeout as delay } from 'node:timers/promises';
import type { TestUser } from '../gateway.js';
import type { NodesOptions, ThreeNodes } from '../nodes/three-nodes.js';
import type { SeededRandom } from '../random.js';
import { SftpClient } from '../sftp-client.js';
import { eventually } from '../wait.js';
import { Faults, type FaultTimes } from './faults.js';
import type { FileModel } from './file-model.js';
import { GreedyClient } from './greedy-client.js';
import { ChaosJobs, watchSessions } from './jobs.js';
import { LoginProbe } from './login-probe.js';
import { OpensshClient } from './openssh-client.js';
import { effectsOf, type FaultEffect, linesOf } from './recovery.js';
import { RequestClient, readIfThere } from './request-client.js';
import { ChaosWorld } from './world.js';

const clientUsers = ['anna', 'ben', 'cleo', 'dan'] as const;
const clientsPerUser = 5;
const maxSessionsOfUser = 12;
/** The pause between two faults in milliseconds, behind the repair of the first one. */
const calmMs = [4_000, 12_000] as const;
/** How long jobs and settlements may take after the last fault, in milliseconds. */
const finishMs = 180_000;

/** The results of a run. */
export interface ChaosResult {
  readonly wrong: readonly string[];
  readonly effects: readonly FaultEffect[];
  readonly mostSessions: number;
  readonly greedyRefused: number;
  /** Lines for people. */
  readonly report: readonly string[];
}

/** Twenty clients, jobs, and faults at random on three nodes. */
export class Chaos {
  /** The settings and users of the cluster. */
  static readonly options: NodesOptions = {
    users: [...clientUsers, 'greta', 'paul'],
    properties: { 'sftp.sessions.per.user': String(maxSessionsOfUser), 'drain.timeout': '5s' },
  };
  /** Each other node may accept one session at the same moment. */
  static readonly maxSessions = maxSessionsOfUser + 2;

  readonly #cluster: ThreeNodes;
  readonly #random: SeededRandom;
  readonly #world: ChaosWorld;
  readonly #faults: Faults;
  readonly #jobs: ChaosJobs;
  readonly #clients: readonly (RequestClient | OpensshClient)[];
  readonly #greedy: GreedyClient;
  readonly #probe: LoginProbe;
  #running: Promise<unknown> = Promise.resolve();
  #sessions: Promise<ReadonlyMap<string, number>> = Promise.resolve(new Map());

  constructor(cluster: ThreeNodes, random: SeededRandom, times: FaultTimes) {
    this.#cluster = cluster;
    this.#random = random;
    this.#world = new ChaosWorld(random);
    this.#faults = new Faults(cluster, random, times);
    this.#jobs = new ChaosJobs(cluster, random, clientUsers);
    this.#clients = clientUsers.flatMap((name) =>
      Array.from({ length: clientsPerUser }, (_, index) => {
        const user = this.#user(name);
        const prefix = `${name}${index}`;
        return index === 0
          ? new OpensshClient(this.#world, user, prefix, cluster.directory)
          : new RequestClient(this.#world, user, prefix);
      }),
    );
    this.#greedy = new GreedyClient(this.#world, this.#user('greta'), maxSessionsOfUser);
    this.#probe = new LoginProbe(this.#user('paul'));
  }

  /** Lets the clients work while faults happen: for this time, and until so many faults have happened. */
  async run(lengthMs: number, minFaults: number): Promise<void> {
    await this.#jobs.addWebhook();
    const began = performance.now();
    this.#running = Promise.all([...this.#clients, this.#greedy].map((client) => client.run()));
    this.#sessions = watchSessions(this.#cluster, () => this.#world.isOver);
    try {
      await delay(3_000);
      while (performance.now() - began < lengthMs || this.#faults.ended.length < minFaults) {
        await this.#jobs.begin();
        const fault = await this.#faults.next();
        const at = Math.round((fault.beganMs - began) / 1_000);
        console.log(`${at} s: ${fault.kind} ${fault.detail}; ${this.#acknowledged} changes so far`);
        await this.#faults.repair(fault);
        if (this.#world.wrong.length > 0) console.log(this.#world.wrong.join('\n'));
        await delay(this.#random.between(...calmMs));
      }
    } finally {
      this.#world.end();
    }
  }

  /** Waits for the clients and jobs, and compares everything. */
  async finish(): Promise<ChaosResult> {
    await this.#running;
    await this.#probe.stop();
    await this.#restartNodes();
    const { wrong } = this.#world;
    const must = async (what: string, ask: () => Promise<boolean>) => {
      await eventually(what, ask, finishMs).catch((error: unknown) => wrong.push(String(error)));
    };
    await must(
      'each unfinished write is settled or parked',
      async () => (await this.#unsettled()).length === 0,
    );
    await must('each job is done', async () => (await this.#jobs.unfinished()).length === 0);
    wrong.push(...(await this.#jobs.unfinished()), ...(await this.#unsettled()));
    const compared = await this.#compareAll();
    const verified = await this.#verify();
    const hooks = await this.#checkWebhooks();
    const sessions = await this.#sessions;
    const effects = effectsOf(this.#faults.ended, this.#probe.logins);
    const counts = (map: ReadonlyMap<string, number>) => [...map].map(([name, count]) => `${count} ${name}`);
    const ends = this.#cluster.nodes.flatMap((node) => node.ends);
    return {
      wrong,
      effects,
      mostSessions: Math.max(0, ...sessions.values()),
      greedyRefused: this.#greedy.refused,
      report: [
        `seed ${this.#random.seed}: ${this.#acknowledged} acknowledged changes; ${counts(this.#world.done).join(', ')}`,
        ...linesOf(effects),
        `exits of nodes: ${ends.join(' ')}`,
        `compared through each node: ${compared} files; ledger verify: ${verified}; ${hooks}`,
        `jobs: ${JSON.stringify(this.#jobs.begun)}; most sessions of a user: ${Math.max(0, ...sessions.values())}, ${this.#greedy.refused} refused`,
        `failed operations:`,
        ...counts(this.#world.failed).map((line) => `  ${line}`),
      ],
    };
  }

  /** Restarts each node, which settles its writes for which the answer of the database was lost. */
  async #restartNodes(): Promise<void> {
    for (const node of this.#cluster.nodes) {
      const code = await node.stop();
      if (code !== 0) this.#world.wrong.push(`node ${node.index + 1} stopped with ${code}`);
      await node.start();
    }
    await this.#cluster.allReady();
  }

  get #acknowledged(): number {
    return this.#clients.reduce((sum, { model }) => sum + model.acknowledged, 0);
  }

  #user(name: string): TestUser {
    const user = this.#cluster.users.find((each) => each.name === name);
    if (user === undefined) throw new Error(`there is no user ${name}`);
    return user;
  }

  /** Returns the object keys of writes that are neither finished nor parked. */
  async #unsettled(): Promise<readonly string[]> {
    const rows = await this.#cluster.run(`select object_key || ' of ' || coalesce(node, '') || ' ' ||
        coalesce(w.state, '') || case when w.epoch = s.node_epoch then ' now' else ' before' end as object_key
      from sealed_object s left join database_writer w on w.id = s.node
      where s. state = 'intended' and not exists (select 1 from parked_upload p where p.row_id = s.id)`);
    return rows.map((row) => `unsettled: ${String(row['object_key'])}`);
  }

  /** Reads the files of all clients through each node. Returns how many there are. */
  async #compareAll(): Promise<number> {
    let compared = 0;
    for (const { index } of this.#cluster.nodes) {
      compared = 0;
      for (const { user, model } of this.#clients) {
        compared += await this.#compare(this.#cluster.userOn(user, index), model);
      }
    }
    return compared;
  }

  async #compare(user: TestUser, model: FileModel): Promise<number> {
    await using client = await SftpClient.connect(user);
    for (const name of model.names) {
      if (model.known(name) === undefined && /-new-/.test(name)) continue;
      const problem = model.problemOf(name, await readIfThere(client, name));
      if (problem !== null) this.#world.wrong.push(`at the end: ${problem}`);
    }
    return model.names.length;
  }

  async #verify(): Promise<string> {
    const gateway = this.#cluster.nodes[0]?.gateway;
    const verified = await gateway?.cli(['ledger', 'verify', '--read', '--json'], { timeoutMs: 600_000 });
    if (verified?.code !== 0) {
      this.#world.wrong.push(`ledger verify: ${verified?.stdout} ${verified?.stderr}`);
      return 'failed';
    }
    const { versions, findings } = JSON.parse(verified.stdout) as { versions: number; findings: number };
    if (findings > 0) this.#world.wrong.push(`ledger verify: ${verified.stdout}`);
    return `${versions} versions, ${findings} findings`;
  }

  /** Checks that the webhook got an event of each file that was uploaded for good. */
  async #checkWebhooks(): Promise<string> {
    const { accepted } = this.#cluster.receiver;
    const missing = () => {
      const got = new Set(accepted.map(({ message }) => String(message.data['objectKey'])));
      return this.#clients.flatMap(({ user, model }) =>
        model.names
          // A file under another name may have got it by a rename.
          .filter(
            (name) => Boolean(model.known(name)) && (/-new-/.test(name) || name.startsWith(`${user.name}0`)),
          )
          .map((name) => `${user.name}/uploads/${name}`)
          .filter((key) => !got.has(key)),
      );
    };
    await eventually('the webhook has all uploads', () => missing().length === 0, finishMs).catch(() => {
      this.#world.wrong.push(`no event of ${missing().slice(0, 5).join(', ')} and others`);
    });
    return `${accepted.length} messages of the webhook`;
  }
}
