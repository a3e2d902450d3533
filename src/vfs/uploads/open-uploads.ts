import type { Attributes } from '../../model/vfs.js';
import type { UploadHandle } from './opened-upload.js';
import type { UploadHandover } from './write-rules.js';

/** Operations on an upload in progress, found by its name. */
export interface OpenUpload extends Pick<UploadHandle, 'attributes' | 'setAttributes'> {
  /**
   * Hands the upload over to another session of the same user. This is for a client that has stopped sending
   * and whose connection may be dead although the gateway has not noticed. Afterwards the upload belongs to
   * that session. Returns null if the upload cannot be handed over.
   */
  handOver(actor: string): UploadHandover | null;
}

/**
 * The uploads in progress of this process, by target key. Their objects are not in S3 yet, but the user's
 * sessions can already query their size.
 */
export class OpenUploads {
  /** Directory (bucket and prefix) -> key -> uploads to the key, the newest last. */
  readonly #directories = new Map<string, Map<string, OpenUpload[]>>();

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

  /** Returns the newest upload to this key, or null. */
  find(bucket: string, key: string): OpenUpload | null {
    return (
      this.#directories
        .get(directoryName(bucket, parentPrefix(key)))
        ?.get(key)
        ?.at(-1) ?? null
    );
  }

  /** Returns the names and current attributes of the uploads directly below the prefix. */
  below(bucket: string, prefix: string): ReadonlyMap<string, Attributes> {
    const found = new Map<string, Attributes>();
    for (const [key, uploads] of this.#directories.get(directoryName(bucket, prefix)) ?? []) {
      const newest = uploads.at(-1);
      if (newest !== undefined) found.set(key.slice(prefix.length), newest.attributes());
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
