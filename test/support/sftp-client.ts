import { type ChildProcess, spawn } from 'node:child_process';
import { type Answer, type Asked, statusOf, TestClient } from '../../src/sftp/testing/client.js';
import { PipeStream } from '../../src/sftp/testing/pipe-stream.js';
import { openFlag, packetType, statusCode } from '../../src/sftp/wire/constants.js';
import type { WireAttributes } from '../../src/sftp/wire/requests.js';
import type { TestUser } from './gateway.js';

/** A request that the gateway answered with a status other than OK. */
export class Refused extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** A request that was not answered, because the connection has ended. */
export class Disconnected extends Error {}

/** The flags of one open. */
export type OpenFlags = { readonly [K in keyof typeof openFlag]: boolean };

/** Max bytes of one READ or WRITE. */
export const requestBytes = 255 * 1024;
/** WRITE requests of one file in parallel. */
const parallelWrites = 8;

class ProcessStream extends PipeStream {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    super();
    this.#child = child;
  }

  override feed(bytes: Uint8Array): void {
    this.#child.stdin?.write(bytes);
  }
}

/** An SFTP client with one method per request, over OpenSSH's `ssh`. */
export class SftpClient implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #client: TestClient;
  readonly #ended: Promise<never>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    const stream = new ProcessStream(child);
    this.#client = new TestClient(stream);
    child.stdout?.on('data', (bytes: Buffer) => stream.onWrite([bytes]));
    child.stdin?.on('error', () => undefined);
    this.#ended = new Promise((_, reject) => {
      child.once('close', () => reject(new Disconnected('the connection has ended')));
      child.once('error', reject);
    });
    this.#ended.catch(() => undefined);
  }

  /** Logs in. Throws `Disconnected` if the gateway does not answer. `flags` are those of `ssh`. */
  static async connect(user: TestUser, flags: readonly string[] = []): Promise<SftpClient> {
    const { name, port, sshOptions } = user;
    const to = ['-p', String(port), '-s', `${name}@127.0.0.1`, 'sftp'];
    const child = spawn('ssh', [...sshOptions, ...flags, ...to], { stdio: ['pipe', 'pipe', 'ignore'] });
    const client = new SftpClient(child);
    await client.#answered(client.#client.init());
    return client;
  }

  /** Sends a whole file from `offset` on, several requests in parallel, and closes it. */
  async writeFile(path: string, flags: Partial<OpenFlags>, bytes: Uint8Array, offset = 0): Promise<void> {
    const handle = await this.open(path, flags);
    await this.writeRange(handle, bytes, offset, bytes.byteLength);
    await this.ok({ type: 'close', handle });
  }

  /** Sends the bytes between two offsets of a file, several requests in parallel. */
  async writeRange(handle: Uint8Array, bytes: Uint8Array, from: number, to: number): Promise<void> {
    const step = parallelWrites * requestBytes;
    for (let at = from; at < to; at += step) {
      const pieces: Promise<void>[] = [];
      for (let offset = at; offset < Math.min(to, at + step); offset += requestBytes) {
        pieces.push(this.write(handle, offset, bytes.subarray(offset, Math.min(to, offset + requestBytes))));
      }
      await Promise.all(pieces);
    }
  }

  async open(path: string, flags: Partial<OpenFlags>): Promise<Uint8Array> {
    let bits = 0;
    for (const [name, bit] of Object.entries(openFlag)) {
      if (flags[name as keyof OpenFlags] === true) bits |= bit;
    }
    const answer = await this.#ask({ type: 'open', path: Buffer.from(path), flags: bits, attributes: {} });
    return this.#expect(answer, packetType.handle).body.string();
  }

  async write(handle: Uint8Array, offset: number, bytes: Uint8Array): Promise<void> {
    await this.ok({ type: 'write', handle, offset, chunks: [bytes], byteLength: bytes.byteLength });
  }

  /** Returns null at the end of the file. */
  async read(handle: Uint8Array, offset: number, length: number): Promise<Buffer | null> {
    const answer = await this.#ask({ type: 'read', handle, offset, length });
    if (answer.type === packetType.data) return Buffer.from(answer.body.string());
    const { code, message } = statusOf(answer);
    if (code === statusCode.eof) return null;
    throw new Refused(code, message);
  }

  /** Reads a whole file by its name. */
  async readFile(path: string): Promise<Buffer> {
    const handle = await this.open(path, { read: true });
    const pieces: Buffer[] = [];
    for (let offset = 0; ; ) {
      const piece = await this.read(handle, offset, requestBytes);
      if (piece === null) break;
      pieces.push(piece);
      offset += piece.byteLength;
    }
    await this.ok({ type: 'close', handle });
    return Buffer.concat(pieces);
  }

  async attributes(asked: Extract<Asked, { type: 'stat' | 'lstat' | 'fstat' }>): Promise<WireAttributes> {
    return this.#expect(await this.#ask(asked), packetType.attrs).body.attributes();
  }

  /** Returns the size of each name in the directory. Directories have the size -1. */
  async list(path: string): Promise<Map<string, number>> {
    const opened = await this.#ask({ type: 'opendir', path: Buffer.from(path) });
    const handle = this.#expect(opened, packetType.handle).body.string();
    const found = new Map<string, number>();
    for (;;) {
      const answer = await this.#ask({ type: 'readdir', handle });
      if (answer.type !== packetType.name) break;
      for (let left = answer.body.uint32(); left > 0; left -= 1) {
        const name = Buffer.from(answer.body.string()).toString();
        answer.body.string();
        const { size = 0, permissions = 0 } = answer.body.attributes();
        const isDirectory = (permissions & 0o170000) === 0o040000;
        if (name !== '.' && name !== '..') found.set(name, isDirectory ? -1 : size);
      }
    }
    await this.ok({ type: 'close', handle });
    return found;
  }

  /** Sends a request and throws `Refused` unless the answer is OK. */
  async ok(asked: Asked): Promise<void> {
    const { code, message } = statusOf(await this.#ask(asked));
    if (code !== statusCode.ok) throw new Refused(code, message);
  }

  #expect(answer: Answer, type: number): Answer {
    if (answer.type === type) return answer;
    const { code, message } = statusOf(answer);
    throw new Refused(code, message);
  }

  #ask(asked: Asked): Promise<Answer> {
    return this.#answered(this.#client.ask(asked));
  }

  #answered(answer: Promise<Answer>): Promise<Answer> {
    return Promise.race([answer, this.#ended]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended.catch(() => undefined);
  }
}
