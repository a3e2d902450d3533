import type { Transaction } from 'kysely';
import { Fault } from '../../model/fault.js';
import type { Schema } from '../schema.js';

/** Throws `conflict` if a person would have no second factor without this one. */
export async function requireOtherFactor(
  trx: Transaction<Schema>,
  adminId: string,
  removed: { readonly kind: 'totp' } | { readonly kind: 'passkey'; readonly id: string },
): Promise<void> {
  const admin = await trx
    .selectFrom('admin')
    .select('totp_sealed')
    .where('id', '=', adminId)
    .executeTakeFirst();
  const keys = await trx.selectFrom('passkey').select('id').where('admin_id', '=', adminId).execute();
  const totp = removed.kind === 'totp' || (admin?.totp_sealed ?? null) === null ? 0 : 1;
  const others = removed.kind === 'passkey' ? keys.filter(({ id }) => id !== removed.id) : keys;
  if (totp + others.length === 0) {
    throw new Fault('conflict', 'this is the last second factor: add another one first');
  }
}
