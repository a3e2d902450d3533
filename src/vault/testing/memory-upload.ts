import type { Call } from '../../model/call.js';
import type {
  PartReceipt,
  PartSource,
  PartUpload,
  ReplayableBody,
  WholeObject,
  WrittenObject,
} from '../../model/object-store.js';
import type { MemoryStore } from './memory-store.js';

/** One multipart upload of a `MemoryStore`. */
export class MemoryUpload implements PartUpload {
  readonly uploadId: string;
  readonly #store: MemoryStore;
  #parked = false;

  constructor(store: MemoryStore, uploadId: string) {
    this.#store = store;
    this.uploadId = uploadId;
  }

  uploadPart(call: Call, partNumber: number, body: ReplayableBody): Promise<PartReceipt> {
    return this.#store.uploadPart(call, this.uploadId, partNumber, body);
  }

  copyPart(call: Call, partNumber: number, source: PartSource): Promise<PartReceipt | null> {
    return this.#store.copyPart(call, this.uploadId, partNumber, source);
  }

  complete(call: Call, parts: readonly PartReceipt[], whole: WholeObject): Promise<WrittenObject> {
    return this.#store.complete(call, this.uploadId, parts, whole);
  }

  park(): void {
    this.#parked = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#parked) await this.#store.discard(this.uploadId);
  }
}
