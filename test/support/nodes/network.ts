import { existsSync } from 'node:fs';
import { run, runOk } from '../command.js';
import { missing } from '../tools.js';

/** The addresses for tests of networks (RFC 2544), so that no address of the machine is hidden. */
const networks = ['198.18', '198.19'] as const;
/** Names of this file's namespaces and bridges, with the process that made them. */
const ownNamespace = /^sftpgw-(\d+)-\d+$/;
const ownBridge = /^sgb(\d+)$/;
/** A hardware address that nothing has. Packets to it are lost, as in a network that is cut. */
const unusedHardware = '02:00:00:00:00:01';

/** Returns the reason to skip a test that needs network namespaces, or null. */
export async function namespacesMissing(): Promise<string | null> {
  const reason = missing('ip');
  if (reason !== null) return reason;
  const name = `sftpgw-${process.pid}-0`;
  const { code } = await run('ip', ['netns', 'add', name]);
  if (code !== 0) return 'no permission to create network namespaces';
  // Some kernels have namespaces, and neither bridges nor pairs of interfaces.
  const bridge = await run('ip', ['-n', name, 'link', 'add', 'br0', 'type', 'bridge']);
  const pair = await run('ip', ['-n', name, 'link', 'add', 'out0', 'type', 'veth', 'peer', 'name', 'in0']);
  await run('ip', ['netns', 'del', name]);
  return bridge.code === 0 && pair.code === 0 ? null : 'the kernel has no bridges or no veth interfaces';
}

/** A bridge on this machine, and network namespaces that reach nothing but its addresses. */
export class NodeNetwork implements AsyncDisposable {
  /** The address of the load balancer and of S3. */
  readonly gatewayAddress: string;
  /** The address of the database. */
  readonly databaseAddress: string;
  readonly #prefix: string;
  readonly #bridge: string;
  readonly #namespaces: string[] = [];

  private constructor(prefix: string, bridge: string) {
    this.#prefix = prefix;
    this.#bridge = bridge;
    this.gatewayAddress = `${prefix}.1`;
    this.databaseAddress = `${prefix}.2`;
  }

  /** Creates a bridge with `nodes` namespaces. Removes what a killed process has left. */
  static async create(nodes: number): Promise<NodeNetwork> {
    await removeLeftovers();
    const network = new NodeNetwork(await freePrefix(), `sgb${process.pid}`);
    try {
      await network.#addBridge();
      for (let index = 1; index <= nodes; index += 1) await network.#addNamespace(index);
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /** Returns the address of a node. The first one has the index 0. */
  address(node: number): string {
    return `${this.#prefix}.${11 + node}`;
  }

  /** Returns the command that runs another command in the namespace of a node. */
  through(node: number): readonly string[] {
    return ['ip', 'netns', 'exec', this.#namespace(node)];
  }

  /** Loses all packets of a node to the database. */
  async cutFromDatabase(node: number): Promise<void> {
    await this.#neighbour(node, 'replace', ['lladdr', unusedHardware, 'nud', 'permanent']);
  }

  /** Undoes `cutFromDatabase`. */
  async restoreDatabase(node: number): Promise<void> {
    await this.#neighbour(node, 'del', []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#namespaces.splice(0)) await removeNamespace(name);
    await run('ip', ['link', 'del', this.#bridge]);
  }

  async #neighbour(node: number, verb: string, more: readonly string[]): Promise<void> {
    const args = ['neigh', verb, this.databaseAddress, 'dev', 'eth0', ...more];
    await runOk('ip', ['-n', this.#namespace(node), ...args]);
  }

  #namespace(node: number): string {
    const name = this.#namespaces[node];
    if (name === undefined) throw new Error(`there is no node ${node}`);
    return name;
  }

  async #addBridge(): Promise<void> {
    await runOk('ip', ['link', 'add', this.#bridge, 'type', 'bridge']);
    for (const address of [this.gatewayAddress, this.databaseAddress]) {
      await runOk('ip', ['addr', 'add', `${address}/24`, 'dev', this.#bridge]);
    }
    await runOk('ip', ['link', 'set', this.#bridge, 'up']);
  }

  async #addNamespace(index: number): Promise<void> {
    const name = `sftpgw-${process.pid}-${index}`;
    const outside = `sgv${process.pid}-${index}`;
    await runOk('ip', ['netns', 'add', name]);
    this.#namespaces.push(name);
    const inside = ['peer', 'name', 'eth0', 'netns', name];
    await runOk('ip', ['link', 'add', outside, 'type', 'veth', ...inside]);
    await runOk('ip', ['link', 'set', outside, 'master', this.#bridge, 'up']);
    await runOk('ip', ['-n', name, 'addr', 'add', `${this.address(index - 1)}/24`, 'dev', 'eth0']);
    for (const device of ['lo', 'eth0']) await runOk('ip', ['-n', name, 'link', 'set', device, 'up']);
  }
}

/** Returns the first three numbers of a network of which this machine has no address. */
async function freePrefix(): Promise<string> {
  const { stdout } = await runOk('ip', ['-o', '-4', 'addr', 'show']);
  for (let attempt = 0; attempt < 512; attempt += 1) {
    const number = process.pid + attempt;
    const prefix = `${networks[Math.floor(number / 256) % networks.length]}.${number % 256}`;
    if (!stdout.includes(` ${prefix}.`)) return prefix;
  }
  throw new Error('all networks of 198.18.0.0/15 are in use');
}

/** Ends the processes in a namespace and removes it. Its link disappears with it. */
async function removeNamespace(name: string): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'pids', name]);
  for (const pid of stdout.split('\n').filter((line) => line !== '')) await run('kill', ['-9', pid]);
  await run('ip', ['netns', 'del', name]);
}

async function removeLeftovers(): Promise<void> {
  const { stdout: namespaces } = await run('ip', ['netns', 'list']);
  for (const [name = ''] of namespaces.split('\n').map((line) => line.split(' '))) {
    if (isLeft(ownNamespace.exec(name))) await removeNamespace(name);
  }
  const { stdout: bridges } = await run('ip', ['-o', 'link', 'show', 'type', 'bridge']);
  for (const [, name = ''] of bridges.matchAll(/^\d+: ([^:@]+)/gm)) {
    if (isLeft(ownBridge.exec(name))) await run('ip', ['link', 'del', name]);
  }
}

/** Returns true if the process in the name has ended. */
function isLeft(match: RegExpExecArray | null): boolean {
  if (match === null) return false;
  return !existsSync(`/proc/${match[1]}`);
}
