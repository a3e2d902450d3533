import type { Call, Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { MirrorPrefix, MirrorState } from '../../model/mirror.js';
import type { ObjectStore } from '../../model/object-store.js';
import type { MirrorSettings } from '../options.js';
import { type StartedListing, startListing } from './listing.js';

/** Min time in milliseconds between the two listings that confirm each other. */
const confirmAfterMs = 5_000;

interface GuardServices {
  readonly store: ObjectStore;
  readonly state: MirrorState;
  readonly clock: Clock;
  readonly settings: () => MirrorSettings;
}

/**
 * Guards against a wrongly empty listing of a prefix with many mirrored files. A wrong bucket, a moved prefix
 * or a broken server look the same, and the directory may be the last copy. The listing is accepted once
 * another pass, some seconds later, finds the same.
 */
export class EmptyListingGuard {
  readonly #services: GuardServices;
  readonly #prefix: MirrorPrefix;
  /** True if a doubt is recorded; null if that is not known yet. */
  #isSuspect: boolean | null = null;

  constructor(services: GuardServices, prefix: MirrorPrefix) {
    this.#services = services;
    this.#prefix = prefix;
  }

  /** Throws `conflict` if the listing is not accepted. */
  async check(call: Call, listing: StartedListing): Promise<void> {
    const { store, state, clock, settings } = this.#services;
    const { name } = this.#prefix;
    if (!listing.isEmpty) {
      await this.#forget();
      return;
    }
    const { files } = await state.totals(name);
    if (files <= settings().emptyBelievedFiles) return;
    const again = await startListing(store, call, this.#prefix);
    if (!again.isEmpty)
      throw suspect(
        files,
        'a second listing was not empty; nothing was deleted, and the gateway compares again',
      );
    const record = await state.record(name);
    const seenMs = record?.emptySeenMs ?? null;
    const now = clock.nowMs();
    if (seenMs !== null && now - seenMs >= confirmAfterMs) {
      call.log.warn('prefix is empty in S3; removing its mirrored files', { mirror: name, files });
      return;
    }
    this.#isSuspect = true;
    if (seenMs === null) {
      await state.saveRecord(name, { origin: '', status: null, ...record, emptySeenMs: now });
    }
    throw suspect(files, 'nothing was deleted; the files are removed if another listing is empty too');
  }

  async #forget(): Promise<void> {
    if (this.#isSuspect === false) return;
    const record = await this.#services.state.record(this.#prefix.name);
    if (record !== null && record.emptySeenMs !== null) {
      await this.#services.state.saveRecord(this.#prefix.name, { ...record, emptySeenMs: null });
    }
    this.#isSuspect = false;
  }
}

function suspect(files: number, what: string): Fault {
  return new Fault('conflict', `S3 lists no objects, but ${files} files were mirrored: ${what}`);
}
