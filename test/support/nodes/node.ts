import { setTimeout as delay } from 'node:timers/promises';
import type { Gateway } from '../gateway.js';
import type { NodeNetwork } from './network.js';

/** How long a service manager waits until it starts a node again, in milliseconds. */
const restartDelayMs = 1_000;

/** A gateway in a network namespace of its own, which is started again when it ends. */
export class ClusterNode {
  readonly gateway: Gateway;
  readonly index: number;
  readonly #network: NodeNetwork;
  /** The exit codes or signals with which it has ended without being told to. */
  readonly ends: (number | NodeJS.Signals)[] = [];
  /** The logs of the earlier processes. */
  readonly outputs: string[] = [];
  #isWanted = false;
  #running: Promise<void> | null = null;

  constructor(gateway: Gateway, index: number, network: NodeNetwork) {
    this.gateway = gateway;
    this.index = index;
    this.#network = network;
  }

  /** Starts the node, and starts it again whenever it ends, until `stop`. */
  async start(): Promise<void> {
    await this.gateway.serve();
    this.#isWanted = true;
    this.#running = this.#supervise();
  }

  /** Ends the node as an administrator does, and returns its exit code. */
  stop(): Promise<number | NodeJS.Signals | null> {
    return this.#end('SIGTERM');
  }

  /** Kills the node for good. */
  kill(): Promise<number | NodeJS.Signals | null> {
    return this.#end('SIGKILL');
  }

  /** Sends a signal. If it ends the node, the node starts again. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.gateway.pid, signal);
  }

  async cutFromDatabase(): Promise<void> {
    await this.#network.cutFromDatabase(this.index);
  }

  async restoreDatabase(): Promise<void> {
    await this.#network.restoreDatabase(this.index);
  }

  async #end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    this.#isWanted = false;
    const code = await this.gateway.end(signal);
    await this.#running;
    return code;
  }

  async #supervise(): Promise<void> {
    while (this.#isWanted) {
      const by = await this.gateway.ended();
      this.outputs.push(this.gateway.output);
      if (!this.#isWanted) return;
      this.ends.push(by);
      await delay(restartDelayMs);
      if (this.#isWanted) this.gateway.spawnServe();
    }
  }
}
