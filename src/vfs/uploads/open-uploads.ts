import type { Call, Clock } from '../../model/call.js';
import type { ObjectRef } from '../../model/object-store.js';
import type { Attributes } from '../../model/vfs.js';
import type { UploadHandle } from './opened-upload.js';
import type { UploadHandover } from './write-rules.js';

/** Max time that an operation waits for the CLOSE of the same file, in milliseconds. */
const maxCloseWaitMs = 60_000;

/** Operations on an upload in progress, found by its name. */
export interface OpenUpload extends Pick<UploadHandle, 'attributes' | 'setAttributes'> {
  /** False if only clients that know its name find it. */
  readonly isListed: boolean;
  /**
   * Hands the upload over to another session of the same user. This is for a client that has stopped sending
   * and whose connection may be dead although the gateway has not noticed. Afterwards the upload belongs to
   * that session. Returns null if the upload cannot be handed over.
   */
  handOver(actor: string): UploadHandover | null;
  /** Whether there is a stored file of this name that stays as it is until CLOSE. */
  readonly keepsObject: boolean;
  /** Stands for the session that has opened the file. Null if there is none. */
  readonly session: object | null;
  /** Whether the changes apply to whatever this process has stored for the user until CLOSE. */
  readonly isEdit: boolean;
  /** Applies the changes to what another handle of the file has stored. Does not throw. */
  follow(call: Call): Promise<void>;
}

/** Returns whether another session has sent bytes of a new file. */
export function isSentByOther(upload: OpenUpload | null, session: object): boolean {
  if (upload === null || upload.session === null || upload.session === session) return false;
  return !upload.keepsObject && upload.attributes().size > 0;
}

/**
 * The uploads in progress of this process, by target key. Their objects are not in S3 yet, but the user's
 * sessions can already query their size.
 */
export class OpenUploads {
  /** Directory (bucket and prefix) -> key -> uploads to the key, the newest last. */
  readonly #directories = new Map<string, Map<string, OpenUpload[]>>();
  /** Resolve when the CLOSEs of a file that are in progress have ended. */
  readonly #closing = new Map<string, Promise<void>>();

  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Shows the upload until the returned function is called (once). */
  add(bucket: string, key: string, upload: OpenUpload): () => void {
    const directory = directoryName(bucket, parentPrefix(key));
    const uploads = this.#directories.get(directory) ?? new Map<string, OpenUpload[]>();
    this.#directories.set(directory, uploads);
    uploads.set(key, [...(uploads.get(key) ?? []), upload]);
    return () => {
      const left = (uploads.get(key) ?? []).filter((other) => other !== upload);
      if (left.length > 0) {
        uploads.set(key, left);
        return;
      }
      uploads.delete(key);
      if (uploads.size === 0 && this.#directories.get(directory) === uploads)
        this.#directories.delete(directory);
    };
  }

  /** Runs a CLOSE, for which `closed` waits. Then the other uploads to the key follow. */
  async close(call: Call, { bucket, key }: ObjectRef, store: () => Promise<void>): Promise<void> {
    const name = directoryName(bucket, key);
    const storing = store();
    const followed = storing.then(() =>
      Promise.all(this.#all(bucket, key).map((upload) => upload.follow(call))),
    );
    const before = this.#closing.get(name);
    const closing = Promise.allSettled([before, followed]).then(() => {
      if (this.#closing.get(name) === closing) this.#closing.delete(name);
    });
    this.#closing.set(name, closing);
    await followed;
  }

  /** Resolves when no earlier CLOSE of the file is in progress, after 60 seconds, or when the call ends. */
  async closed(call: Call, { bucket, key }: ObjectRef): Promise<void> {
    const closing = this.#closing.get(directoryName(bucket, key));
    if (closing === undefined) return;
    const enough = new AbortController();
    const signal = AbortSignal.any([enough.signal, call.signal]);
    const patience = this.#clock.sleep(maxCloseWaitMs, signal).catch(() => undefined);
    await Promise.race([closing, patience]);
    enough.abort();
    await patience;
  }

  /** Returns the newest upload to this key, or null. */
  find(bucket: string, key: string): OpenUpload | null {
    return this.#all(bucket, key).at(-1) ?? null;
  }

  #all(bucket: string, key: string): readonly OpenUpload[] {
    return this.#directories.get(directoryName(bucket, parentPrefix(key)))?.get(key) ?? [];
  }

  /** Returns the names and current attributes of the listed uploads directly below the prefix. */
  below(bucket: string, prefix: string): ReadonlyMap<string, Attributes> {
    const found = new Map<string, Attributes>();
    for (const [key, uploads] of this.#directories.get(directoryName(bucket, prefix)) ?? []) {
      const newest = uploads.at(-1);
      if (newest?.isListed === true) found.set(key.slice(prefix.length), newest.attributes());
    }
    return found;
  }

  /** Returns whether there is an upload below the prefix, at any depth. */
  anyBelow(bucket: string, prefix: string): boolean {
    const start = directoryName(bucket, prefix);
    for (const directory of this.#directories.keys()) if (directory.startsWith(start)) return true;
    return false;
  }
}

function parentPrefix(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

/** Returns a unique name, because bucket names contain no slash. */
function directoryName(bucket: string, prefix: string): string {
  return `${bucket}/${prefix}`;
}
