import type { Call } from '../../model/call.js';
import type {
  CompletedPart,
  PartRange,
  PartReceipt,
  PartSource,
  PartUpload,
  ReplayableBody,
  WholeObject,
  WrittenObject,
} from '../../model/object-store.js';

/** The part of a `MemoryStore` that its multipart uploads use. */
export interface MemoryUploadStore {
  uploadPart(call: Call, uploadId: string, partNumber: number, body: ReplayableBody): Promise<PartReceipt>;
  copyPart(call: Call, uploadId: string, partNumber: number, source: PartSource): Promise<PartReceipt | null>;
  copyRange(
    call: Call,
    uploadId: string,
    partNumber: number,
    source: PartRange,
  ): Promise<CompletedPart | null>;
  complete(
    call: Call,
    uploadId: string,
    parts: readonly CompletedPart[],
    whole: WholeObject,
  ): Promise<WrittenObject>;
  discard(uploadId: string): Promise<void>;
  abortById(call: Call, uploadId: string): Promise<void>;
}

/** One multipart upload of a `MemoryStore`. */
export class MemoryUpload implements PartUpload {
  readonly uploadId: string;
  readonly #store: MemoryUploadStore;
  #parked = false;

  constructor(store: MemoryUploadStore, uploadId: string) {
    this.#store = store;
    this.uploadId = uploadId;
  }

  uploadPart(call: Call, partNumber: number, body: ReplayableBody): Promise<PartReceipt> {
    return this.#store.uploadPart(call, this.uploadId, partNumber, body);
  }

  copyPart(call: Call, partNumber: number, source: PartSource): Promise<PartReceipt | null> {
    return this.#store.copyPart(call, this.uploadId, partNumber, source);
  }

  copyRange(call: Call, partNumber: number, source: PartRange): Promise<CompletedPart | null> {
    return this.#store.copyRange(call, this.uploadId, partNumber, source);
  }

  complete(call: Call, parts: readonly CompletedPart[], whole: WholeObject): Promise<WrittenObject> {
    return this.#store.complete(call, this.uploadId, parts, whole);
  }

  park(): void {
    this.#parked = true;
  }

  async abort(call: Call): Promise<void> {
    await this.#store.abortById(call, this.uploadId);
    this.#parked = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#parked) await this.#store.discard(this.uploadId);
  }
}
