import type { TestUser } from '../gateway.js';
import { Disconnected, Refused, SftpClient } from '../sftp-client.js';
import { eventually, underLoad } from '../wait.js';
import { type Content, FileModel } from './file-model.js';
import { type ChaosClient, type ChaosWorld, patience } from './world.js';

const names = 6;
const sizes = [0, 1_000, 4_096, 60_000, 300_000, 300_000, 2_000_000, 6_500_000] as const;
const resumedSizes = [7_000_000, 12_000_000, 18_000_000] as const;
const verbs = [
  'upload',
  'upload',
  'upload',
  'read',
  'read',
  'read',
  'rename',
  'remove',
  'interrupt',
  'abandon',
] as const;
/** Resumed files that are kept for the comparison. */
const keptResumed = 4;
/** How long another node may take the names of a directory from its memory, in milliseconds. */
const staleMs = 5_000;
/** Max duration of one operation in milliseconds, on a machine without other work. */
const operationMs = 180_000;

/** A client over the requests of SFTP: uploads, reads, renames, removes, and resumes what was interrupted. */
export class RequestClient implements ChaosClient {
  readonly user: TestUser;
  readonly model = new FileModel();
  readonly #world: ChaosWorld;
  readonly #prefix: string;
  /** An upload that is to be resumed. */
  #unfinished: { readonly name: string; readonly content: Content } | null = null;
  /** A rename without an answer. */
  #renamed: { readonly from: string; readonly to: string; readonly content: Content } | null = null;
  readonly #resumed: string[] = [];
  /** The fate of the upload that is to be resumed. */
  #story: string[] = [];
  #numbers = 0;

  constructor(world: ChaosWorld, user: TestUser, prefix: string) {
    this.#world = world;
    this.user = user;
    this.#prefix = prefix;
  }

  async run(): Promise<void> {
    while (!this.#world.isOver) {
      try {
        await using client = await SftpClient.connect(this.user, patience);
        while (!this.#world.isOver) {
          await this.#within(this.#turn(client));
          await this.#world.pause(50, 500);
        }
      } catch (error) {
        this.#world.fail(error);
        await this.#world.pause(200, 600);
      }
    }
  }

  async #turn(client: SftpClient): Promise<void> {
    if (this.#renamed !== null) return await this.#checkRename(client);
    if (this.#unfinished !== null) return await this.#resume(client);
    const { random } = this.#world;
    const name = `${this.#prefix}-${random.between(1, names)}`;
    const verb = random.pick(verbs);
    if (verb === 'interrupt') return await this.#interrupt(client);
    if (verb === 'abandon') return await this.#abandon(client);
    const known = this.model.known(name);
    if (known === undefined || known === null || verb === 'upload') return await this.#upload(client, name);
    if (verb === 'read') return await this.#read(client, name);
    if (verb === 'remove') return await this.#remove(client, name);
    await this.#rename(client, name, `${this.#prefix}-${random.between(1, names)}`, known);
  }

  async #upload(client: SftpClient, name: string): Promise<void> {
    const content = this.#world.content(this.#world.random.pick(sizes));
    const flags = { write: true, create: true, truncate: true };
    await this.model.change(name, content, () => client.writeFile(path(name), flags, content.bytes()));
    this.#world.count('uploads');
  }

  async #read(client: SftpClient, name: string): Promise<void> {
    const found = await readIfThere(client, name);
    let problem = this.model.problemOf(name, found);
    if (problem !== null && found === null) {
      const read = async () => this.model.problemOf(name, await readIfThere(client, name)) === null;
      const isThere = await eventually(name, read, staleMs).catch((error: unknown) => {
        if (error instanceof Disconnected || error instanceof Refused) throw error;
        return false;
      });
      if (isThere) problem = null;
    }
    if (problem !== null) this.#world.wrong.push(`read of ${problem}; ${this.#story.join('; ')}`);
    this.#world.count('reads');
  }

  async #remove(client: SftpClient, name: string): Promise<void> {
    await this.model.change(name, null, () => client.ok({ type: 'remove', path: Buffer.from(path(name)) }));
    this.#world.count('removals');
  }

  async #rename(client: SftpClient, from: string, to: string, content: Content): Promise<void> {
    if (from === to || this.model.known(to) === undefined) return;
    this.#renamed = { from, to, content };
    this.model.mayBecome(to, content);
    this.model.mayBecome(from, null);
    const paths = { from: Buffer.from(path(from)), to: Buffer.from(path(to)) };
    await client.ok({ type: 'posix-rename', ...paths });
    this.model.becomes(to, content);
    this.model.becomes(from, null);
    this.#renamed = null;
    this.#world.count('renames');
  }

  /** Checks that the file of a rename without an answer is at one of its names, and writes both again. */
  async #checkRename(client: SftpClient): Promise<void> {
    if (this.#renamed === null) return;
    const { from, to, content } = this.#renamed;
    const isContent = (bytes: Buffer | null) => bytes?.equals(content.bytes()) === true;
    const isThere = async () =>
      isContent(await readIfThere(client, from)) || isContent(await readIfThere(client, to));
    await eventually(`${from} is there, or renamed to ${to}`, isThere, staleMs).catch((error: unknown) => {
      if (error instanceof Disconnected || error instanceof Refused) throw error;
      this.#world.wrong.push(`${from}: neither there nor at ${to} after an interrupted rename`);
    });
    this.#renamed = null;
    await this.#upload(client, from);
    await this.#upload(client, to);
  }

  /** Sends a part of a new file and disconnects. */
  async #interrupt(client: SftpClient): Promise<void> {
    const name = this.#newName();
    const content = this.#world.content(this.#world.random.pick(resumedSizes));
    this.#unfinished = { name, content };
    this.#story = [];
    this.model.mayBecome(name, content);
    await this.#begin(client, name, content);
    await client[Symbol.asyncDispose]();
    throw new Disconnected('interrupted on purpose');
  }

  /** Does the same with a file that is not resumed. */
  async #abandon(client: SftpClient): Promise<void> {
    if (this.#world.random.between(0, 3) > 0) return;
    await this.#begin(client, this.#newName(), this.#world.content(7_000_000));
    await client[Symbol.asyncDispose]();
    throw new Disconnected('abandoned on purpose');
  }

  async #begin(client: SftpClient, name: string, content: Content): Promise<void> {
    const handle = await client.open(path(name), { write: true, create: true, truncate: true });
    const end = Math.floor((content.size * this.#world.random.between(10, 95)) / 100);
    await client.writeRange(handle, content.bytes(), 0, end);
    this.#story.push(`${Date.now()}: sent ${end}`);
  }

  /** Continues the interrupted upload at the size that the gateway shows, as `reput` does. */
  async #resume(client: SftpClient): Promise<void> {
    if (this.#unfinished === null) return;
    const { name, content } = this.#unfinished;
    const size = await sizeIfThere(client, name);
    const flags = size === null ? { write: true, create: true, truncate: true } : { write: true };
    if (size !== null && size > content.size) this.#world.wrong.push(`${name} has ${size} bytes`);
    this.#story.push(`${Date.now()}: size ${size}`);
    await client.writeFile(path(name), flags, content.bytes(), size ?? 0).catch((error: unknown) => {
      this.#story.push(`${Date.now()}: ${String(error)}`);
      throw error;
    });
    this.#story.push(`${Date.now()}: stored`);
    this.model.becomes(name, content);
    this.#unfinished = null;
    await this.#read(client, name);
    this.#world.count(size === null ? 'uploads begun again' : 'resumed uploads');
    this.#resumed.push(name);
    const old = this.#resumed.length > keptResumed ? this.#resumed.shift() : undefined;
    if (old === undefined) return;
    await this.#remove(client, old);
    this.model.forgetOld(old);
  }

  #newName(): string {
    this.#numbers += 1;
    return `${this.#prefix}-new-${this.#numbers}`;
  }

  async #within(work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const limitMs = underLoad(operationMs);
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#world.wrong.push(
          `an operation of ${this.#prefix} did not end within ${Math.round(limitMs)} ms`,
        );
        reject(new Error('the operation hangs'));
      }, limitMs);
    });
    await Promise.race([work, limit]).finally(() => clearTimeout(timer));
  }
}

function path(name: string): string {
  return `/uploads/${name}`;
}

/** Returns null if there is no such file. */
export async function readIfThere(client: SftpClient, name: string): Promise<Buffer | null> {
  try {
    return await client.readFile(path(name));
  } catch (error) {
    if (error instanceof Refused && error.code === 2) return null;
    throw error;
  }
}

async function sizeIfThere(client: SftpClient, name: string): Promise<number | null> {
  try {
    return (await client.attributes({ type: 'stat', path: Buffer.from(path(name)) })).size ?? null;
  } catch (error) {
    if (error instanceof Refused && error.code === 2) return null;
    throw error;
  }
}
