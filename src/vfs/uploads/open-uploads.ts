import type { Attributes, WriteHandle } from '../../model/vfs.js';
import type { UploadWriter } from '../../vault/vault.js';
import type { WriteRules } from './write-handle.js';

/** What can be asked of an upload in progress by its name. */
export interface OpenUpload extends Pick<WriteHandle, 'attributes' | 'setAttributes'> {
  /**
   * What another session of the same user needs to go on with an upload whose client has fallen silent, and whose connection the gateway
   * does not know to be broken yet. From then on the upload is that session's. Null when it is not to be had.
   */
  handOver(actor: string): HandedOver | null;
}

export interface HandedOver {
  readonly writer: UploadWriter;
  readonly rules: WriteRules;
  readonly mtimeSeconds: number | null;
}

/**
 * The files being uploaded in this process, by where they will be. They are not in S3 yet, and still the
 * client that sends one, and the user's other sessions, can ask for its size.
 */
export class OpenUploads {
  /** Directory (bucket and prefix) -> key -> its uploads, the newest last. */
  readonly #directories = new Map<string, Map<string, OpenUpload[]>>();

  /** Shows the upload until the answer is called (once). */
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

  /** The newest upload to this key, null when there is none. */
  find(bucket: string, key: string): OpenUpload | null {
    return (
      this.#directories
        .get(directoryName(bucket, parentPrefix(key)))
        ?.get(key)
        ?.at(-1) ?? null
    );
  }

  /** Names and attributes of the uploads directly below the prefix, as they are now. */
  below(bucket: string, prefix: string): ReadonlyMap<string, Attributes> {
    const found = new Map<string, Attributes>();
    for (const [key, uploads] of this.#directories.get(directoryName(bucket, prefix)) ?? []) {
      const newest = uploads.at(-1);
      if (newest !== undefined) found.set(key.slice(prefix.length), newest.attributes());
    }
    return found;
  }

  /** Whether anything is being uploaded to below the prefix, at any depth. */
  anyBelow(bucket: string, prefix: string): boolean {
    const start = directoryName(bucket, prefix);
    for (const directory of this.#directories.keys()) if (directory.startsWith(start)) return true;
    return false;
  }
}

function parentPrefix(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

/** A bucket's name has no slash. */
function directoryName(bucket: string, prefix: string): string {
  return `${bucket}/${prefix}`;
}
