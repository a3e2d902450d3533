import type { MirrorPrefix, MirrorState } from '../model/mirror.js';

/** Returns whether the recorded entries are versions of the objects of another bucket or prefix. */
export async function hasOtherOrigin(state: MirrorState, prefix: MirrorPrefix): Promise<boolean> {
  const record = await state.record(prefix.name);
  return record !== null && record.origin !== '' && record.origin !== originOf(prefix);
}

/** Records the current origin: from now on the entries are versions of its objects. */
export async function adoptOrigin(state: MirrorState, prefix: MirrorPrefix): Promise<void> {
  const record = await state.record(prefix.name);
  const origin = originOf(prefix);
  if (record?.origin === origin) return;
  await state.saveRecord(prefix.name, { emptySeenMs: null, status: null, ...record, origin });
}

function originOf({ bucket, prefix }: MirrorPrefix): string {
  return `${bucket}/${prefix}`;
}
