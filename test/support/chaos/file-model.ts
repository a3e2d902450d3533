import { createCipheriv } from 'node:crypto';

/** Removed files of a client that are compared at the end. */
const keptRemoved = 5;

/** The content of a file: bytes that follow from a seed and occur nowhere else. */
export class Content {
  readonly seed: number;
  readonly size: number;

  constructor(seed: number, size: number) {
    this.seed = seed;
    this.size = size;
  }

  bytes(): Buffer {
    const key = Buffer.alloc(16);
    key.writeUInt32BE(this.seed);
    return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(this.size));
  }
}

/** The files of one client, with the contents that each may have; null means that the file does not exist. */
export class FileModel {
  readonly #removed: string[] = [];
  readonly #possible = new Map<string, readonly (Content | null)[]>();
  /** Changes that the gateway acknowledged. */
  acknowledged = 0;

  get names(): readonly string[] {
    return [...this.#possible.keys()];
  }

  /** Returns the content of a file, null if there is none, or undefined if a change of it was interrupted. */
  known(name: string): Content | null | undefined {
    const possible = this.#possible.get(name) ?? [null];
    return possible.length === 1 ? possible[0] : undefined;
  }

  /** Remembers a removed file, whose name is not used again, until some others were removed. */
  forgetOld(name: string): void {
    this.#removed.push(name);
    const oldest = this.#removed.length > keptRemoved ? this.#removed.shift() : undefined;
    if (oldest !== undefined) this.#possible.delete(oldest);
  }

  /** Marks a file that may have this content from now on. */
  mayBecome(name: string, content: Content | null): void {
    this.#possible.set(name, [...(this.#possible.get(name) ?? [null]), content]);
  }

  /** Records a content that was acknowledged. */
  becomes(name: string, content: Content | null): void {
    this.#possible.set(name, [content]);
    this.acknowledged += 1;
  }

  /** Runs a change. The file has the old or the new content if it fails. */
  async change(name: string, content: Content | null, operation: () => Promise<void>): Promise<void> {
    this.mayBecome(name, content);
    await operation();
    this.becomes(name, content);
  }

  /** Returns what is wrong with a content that was read, or null. Null bytes mean that there is no file. */
  problemOf(name: string, bytes: Buffer | null): string | null {
    const possible = this.#possible.get(name) ?? [null];
    const matches = possible.some((each) =>
      each === null || bytes === null ? each === bytes : each.bytes().equals(bytes),
    );
    if (matches) return null;
    const shown = possible.map((each) => (each === null ? 'missing' : `${each.size} bytes`));
    const found = bytes === null ? 'missing' : `${bytes.byteLength} bytes${differenceOf(bytes, possible)}`;
    return `${name}: ${found} instead of ${shown.join(' or ')}`;
  }
}

/** Describes where bytes differ from the last content that they may be. */
function differenceOf(bytes: Buffer, possible: readonly (Content | null)[]): string {
  const expected = possible.at(-1)?.bytes();
  if (expected === undefined) return '';
  const at = bytes.findIndex((byte, index) => byte !== expected[index]);
  if (at === -1) return '';
  const there = expected.indexOf(bytes.subarray(at, at + 32));
  const areZeros = bytes.subarray(at, at + 32).every((byte) => byte === 0);
  return ` that differ at ${at} (${areZeros ? 'zeros' : there === -1 ? 'other bytes' : `those of ${there}`})`;
}
