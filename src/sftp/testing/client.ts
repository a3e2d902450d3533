import { packetType } from '../wire/constants.js';
import { FieldReader } from '../wire/field-reader.js';
import type { Request } from '../wire/requests.js';
import { encodeRequest } from './encode-request.js';
import type { PipeStream } from './pipe-stream.js';

export interface Answer {
  readonly type: number;
  readonly id: number;
  readonly body: FieldReader;
}

/** A request without its id. */
export type Asked = Request extends infer R
  ? R extends { readonly id: number; readonly type: infer T }
    ? T extends 'unknown' | 'malformed'
      ? never
      : Omit<R, 'id' | 'type'> & { readonly type: T }
    : never
  : never;

/** An SFTP client for tests, over a `PipeStream`. Replies may arrive in any order. */
export class TestClient {
  readonly stream: PipeStream;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #received: Buffer = Buffer.alloc(0);
  #lastId = 0;
  /** Request ids, in the order of their replies. */
  readonly answered: number[] = [];

  constructor(stream: PipeStream) {
    this.stream = stream;
    stream.onWrite = (pieces) => {
      this.#received = Buffer.concat([this.#received, ...pieces]);
      while (this.#received.byteLength >= 4) {
        const length = this.#received.readUInt32BE(0);
        if (this.#received.byteLength < 4 + length) break;
        this.#take(this.#received.subarray(4, 4 + length));
        this.#received = this.#received.subarray(4 + length);
      }
    };
  }

  get lastId(): number {
    return this.#lastId;
  }

  init(): Promise<Answer> {
    return this.#ask(encodeRequest({ type: 'init', version: 3 }), 3);
  }

  /** Sends a request and returns its reply. */
  ask(request: Asked): Promise<Answer> {
    this.#lastId += 1;
    return this.#ask(encodeRequest({ ...request, id: this.#lastId } as never), this.#lastId);
  }

  /** Sends bytes unchanged and returns the reply with this id. */
  askRaw(bytes: Uint8Array, id: number): Promise<Answer> {
    return this.#ask(bytes, id);
  }

  async handle(request: Asked): Promise<Uint8Array> {
    const answer = await this.ask(request);
    if (answer.type !== packetType.handle)
      throw new Error(`expected a handle, received ${JSON.stringify(statusOf(answer))}`);
    return answer.body.string();
  }

  async status(request: Asked): Promise<{ code: number; message: string }> {
    return statusOf(await this.ask(request));
  }

  #ask(bytes: Uint8Array, id: number): Promise<Answer> {
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.stream.feed(bytes);
    });
  }

  #take(bytes: Buffer): void {
    const id = bytes.readUInt32BE(1);
    this.answered.push(id);
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    resolve?.({ type: bytes[0] ?? 0, id, body: new FieldReader(bytes, 5) });
  }
}

export function statusOf(answer: Answer): { code: number; message: string } {
  if (answer.type !== packetType.status)
    throw new Error(`expected a status, received a reply of type ${answer.type}`);
  return { code: answer.body.uint32(), message: Buffer.from(answer.body.string()).toString() };
}
