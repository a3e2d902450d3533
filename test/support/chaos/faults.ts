import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterNode } from '../nodes/node.js';
import type { ThreeNodes } from '../nodes/three-nodes.js';
import type { SeededRandom } from '../random.js';

/** The kinds of faults. */
export const faultKinds = [
  'node killed',
  'node paused',
  'node cut off from PostgreSQL',
  'PostgreSQL restarted',
  'PostgreSQL failed over',
  'HAProxy restarted',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** A fault that has ended, with times of `performance.now()` in milliseconds. */
export interface EndedFault {
  readonly kind: FaultKind;
  readonly detail: string;
  readonly beganMs: number;
  readonly endedMs: number;
}

/** How long faults last, in milliseconds. */
export interface FaultTimes {
  readonly pauseMs: number;
  readonly cutMs: readonly [min: number, max: number];
}

/** Faults of a cluster, in a random order in which each kind comes equally often. */
export class Faults {
  readonly ended: EndedFault[] = [];
  readonly #cluster: ThreeNodes;
  readonly #random: SeededRandom;
  readonly #times: FaultTimes;
  #bag: FaultKind[] = [];

  constructor(cluster: ThreeNodes, random: SeededRandom, times: FaultTimes) {
    this.#cluster = cluster;
    this.#random = random;
    this.#times = times;
  }

  /** Begins the next fault and ends it. */
  async next(): Promise<EndedFault> {
    if (this.#bag.length === 0) this.#bag = [...faultKinds];
    const [kind = 'node killed'] = this.#bag.splice(this.#random.between(0, this.#bag.length - 1), 1);
    const node = this.#random.pick(this.#cluster.nodes);
    const beganMs = performance.now();
    const detail = await this.#run(kind, node);
    const fault = { kind, detail, beganMs, endedMs: performance.now() };
    this.ended.push(fault);
    return fault;
  }

  /** Waits until the cluster is whole again: all nodes, and a standby of PostgreSQL. */
  async repair(fault: EndedFault): Promise<void> {
    if (fault.kind === 'PostgreSQL failed over') await this.#cluster.pair.rebuild();
    await this.#cluster.allReady(120_000);
  }

  async #run(kind: FaultKind, node: ClusterNode): Promise<string> {
    const { pair, balancer } = this.#cluster;
    const name = `node ${node.index + 1}`;
    switch (kind) {
      case 'node killed':
        node.signal('SIGKILL');
        return name;
      case 'node paused':
        node.signal('SIGSTOP');
        await delay(this.#times.pauseMs);
        node.signal('SIGCONT');
        return `${name}, ${seconds(this.#times.pauseMs)}`;
      case 'node cut off from PostgreSQL': {
        const lengthMs = this.#random.between(...this.#times.cutMs);
        await node.cutFromDatabase();
        await delay(lengthMs);
        await node.restoreDatabase();
        return `${name}, ${seconds(lengthMs)}`;
      }
      case 'PostgreSQL restarted':
        await pair.restartPrimary();
        return '';
      case 'PostgreSQL failed over':
        await pair.failOver();
        return '';
      case 'HAProxy restarted':
        await balancer.restart();
        return '';
    }
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
