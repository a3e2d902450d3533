import type { Call, Clock } from '../../model/call.js';
import type { ReadAccess } from '../../model/encryption.js';
import { Fault, isFault } from '../../model/fault.js';
import type { ObjectBody, ObjectRef, ObjectStore } from '../../model/object-store.js';
import type { RekeyedObject } from '../copy/rekeyed-objects.js';
import type { FetchedRange } from './fetched-range.js';
import { ResumeTime } from './resume-time.js';

/** Returns the current ETag and access of the same content, or null if it does not exist any more. */
export type FindRekeyed = (before: RekeyedObject) => Promise<RekeyedObject | null>;

/** Fetches ranges of one version of one object. */
export class RangeSource {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #maxIdleMs: number;
  readonly #call: Call;
  readonly #ref: ObjectRef;
  readonly #follow: FindRekeyed;
  #now: RekeyedObject;

  constructor(
    services: {
      readonly store: ObjectStore;
      readonly clock: Clock;
      /** How long an interrupted body is resumed without a byte, in milliseconds. */
      readonly maxIdleMs: number;
    },
    call: Call,
    object: { readonly ref: ObjectRef; readonly access: ReadAccess; readonly etag: string },
    follow: FindRekeyed = async () => null,
  ) {
    this.#store = services.store;
    this.#clock = services.clock;
    this.#maxIdleMs = services.maxIdleMs;
    this.#call = call;
    this.#ref = object.ref;
    this.#now = { access: object.access, etag: object.etag };
    this.#follow = follow;
  }

  /**
   * Fills the range, beginning with `opened` if its body has begun. Resumes interrupted bodies at the byte
   * where they ended. Never throws: a fault is recorded in the range.
   */
  async fill(range: FetchedRange, opened: ObjectBody | null): Promise<void> {
    const call: Call = { id: this.#call.id, log: this.#call.log, signal: range.cancel.signal };
    let body = opened;
    const time = new ResumeTime(this.#clock, this.#maxIdleMs);
    for (;;) {
      const before = range.filledEnd;
      try {
        body ??= await this.#open(call, range);
        for await (const chunk of body.bytes) {
          range.append(chunk);
          if (call.signal.aborted) break;
        }
        if (call.signal.aborted) throw new Fault('cancelled', 'the reader was closed');
        if (range.filledEnd === range.end) return;
        throw new Fault('unavailable', `S3 ended the body of ${this.#ref.key} too early`);
      } catch (error) {
        const fault = call.signal.aborted
          ? new Fault('cancelled', 'the reader was closed')
          : Fault.from(error);
        if (range.filledEnd > before) time.gained();
        if (!fault.isTransient || !time.isLeft) {
          range.fail(fault);
          return;
        }
        call.log.debug('resuming an interrupted body', { key: this.#ref.key, at: range.filledEnd });
      }
      body = null;
      try {
        await time.pause(call.signal);
      } catch (error) {
        range.fail(Fault.from(error));
        return;
      }
    }
  }

  /** Opens the rest of the range. If the object was re-encrypted meanwhile, continues with its new key. */
  async #open(call: Call, range: FetchedRange): Promise<ObjectBody> {
    for (;;) {
      const tried = this.#now;
      try {
        const part = { start: range.filledEnd, end: range.end };
        const body = await this.#store.read(call, this.#ref, tried.access, part, { ifMatch: tried.etag });
        if (body !== null) return body;
        throw new Fault('conflict', `the object ${this.#ref.key} was removed while it was read`);
      } catch (error) {
        if (!isFault(error, 'conflict', 'key-missing', 'key-mismatch')) throw error;
        // Another range may have found the new key meanwhile.
        const next = this.#now === tried ? await this.#follow(tried) : this.#now;
        if (next === null) throw replaced(this.#ref, error);
        this.#now = next;
      }
    }
  }
}

/** Returns `conflict`: the object opened before, so one that does not open now is another object. */
function replaced({ key }: ObjectRef, error: Fault): Fault {
  if (error.kind === 'conflict') return error;
  return new Fault('conflict', `the object ${key} was replaced while it was read`, { cause: error });
}
