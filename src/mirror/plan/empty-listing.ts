import type { Call, Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { MirrorPrefix, MirrorState } from '../../model/mirror.js';
import type { ObjectStore } from '../../model/object-store.js';
import type { MirrorSettings } from '../options.js';
import { type StartedListing, startListing } from './listing.js';

/** A second look sooner than this is no second opinion. */
const confirmAfterMs = 5_000;

interface GuardServices {
  readonly store: ObjectStore;
  readonly state: MirrorState;
  readonly clock: Clock;
  readonly settings: () => MirrorSettings;
}

/**
 * Doubts a listing without a single object when much was mirrored: a wrong bucket, a prefix moved away and a broken server look
 * like this too, and the directory may be the last copy. Such a listing counts when another pass, some seconds later,
 * finds the same.
 */
export class EmptyListingGuard {
  readonly #services: GuardServices;
  readonly #prefix: MirrorPrefix;
  /** Whether a doubt is written down; null when nobody has looked. */
  #isSuspect: boolean | null = null;

  constructor(services: GuardServices, prefix: MirrorPrefix) {
    this.#services = services;
    this.#prefix = prefix;
  }

  /** Throws `conflict` when the listing is not believed. */
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
      throw suspect(files, 'S3 listed no object, and then some: nothing was deleted; it is looked at again');
    const record = await state.record(name);
    const seenMs = record?.emptySeenMs ?? null;
    const now = clock.nowMs();
    if (seenMs !== null && now - seenMs >= confirmAfterMs) {
      call.log.warn('nothing is left in S3: the mirrored files are removed', { mirror: name, files });
      return;
    }
    this.#isSuspect = true;
    if (seenMs === null) {
      await state.saveRecord(name, { origin: '', status: null, ...record, emptySeenMs: now });
    }
    throw suspect(files, 'nothing was deleted; when another look finds the same, the files are removed');
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
  return new Fault('conflict', `S3 lists no object, and ${files} files were mirrored from there: ${what}`);
}
