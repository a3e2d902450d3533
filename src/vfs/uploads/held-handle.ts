import type { Call } from '../../model/call.js';
import type { AttributeChange, Attributes } from '../../model/vfs.js';
import type { OpenUpload } from './open-uploads.js';
import type { UploadHandle } from './opened-upload.js';

/** A complete upload that waits for its name, as a client has opened it. Its bytes do not change. */
export class HeldHandle implements UploadHandle {
  readonly isUntouched = true;
  readonly #held: OpenUpload;

  constructor(held: OpenUpload) {
    this.#held = held;
  }

  attributes(): Attributes {
    return this.#held.attributes();
  }

  setAttributes(call: Call, change: AttributeChange): Promise<void> {
    return this.#held.setAttributes(call, change);
  }

  /** Not called: the first write chooses another handle. */
  async write(): Promise<void> {}

  async commit(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
