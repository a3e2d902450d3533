import { GetObjectAclCommand, type Grant } from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import type { CannedAcl } from '../model/encryption.js';
import type { ObjectRef } from '../model/object-store.js';
import { request, type S3Context } from './context.js';
import { leanCall, parseXml, rememberingLast } from './direct/lean-calls.js';
import type { Attempt } from './errors/translate.js';

const allUsers = 'http://acs.amazonaws.com/groups/global/AllUsers';
const authenticatedUsers = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers';

/** What each of these grants besides the owner's full control. */
const grantsOf: Readonly<Partial<Record<CannedAcl, readonly string[]>>> = {
  private: [],
  'public-read': [`READ ${allUsers}`],
  'public-read-write': [`READ ${allUsers}`, `WRITE ${allUsers}`],
  'authenticated-read': [`READ ${authenticatedUsers}`],
};

/** The canned ACL that grants what the object's does; `other` when none does. Null when there is no such object. */
export async function getAcl(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
): Promise<CannedAcl | 'other' | null> {
  const quick = await leanCall(context, call, ref, { method: 'GET', subresource: 'acl', headers: {} });
  const told = quick ? aclOfXml(quick.text) : null;
  if (told !== null) return told;
  const command = new GetObjectAclCommand({ Bucket: ref.bucket, Key: ref.key });
  const attempt: Attempt = { operation: 'GetObjectAcl', ...ref, permission: 's3:GetObjectAcl' };
  const answer = await request(context, call, (sent) => context.client.send(command, sent), attempt, {
    does: 'other',
  });
  if (answer === null) return null;
  return cannedAclOf(answer.Grants ?? [], answer.Owner?.ID ?? '');
}

interface AclDocument {
  readonly AccessControlPolicy?: {
    readonly Owner?: { readonly ID?: string };
    readonly AccessControlList?: { readonly Grant?: readonly Grant[] } | string;
  };
}

/** Pure. Null for what is no such answer. */
export const aclOfXml = rememberingLast((text): CannedAcl | 'other' | null => {
  const policy = (parseXml(text, ['Grant']) as AclDocument).AccessControlPolicy;
  const list = policy?.AccessControlList;
  if (policy?.Owner?.ID === undefined || list === undefined) return null;
  return cannedAclOf(typeof list === 'string' ? [] : (list.Grant ?? []), policy.Owner.ID);
});

/** Pure. Grants in any order. */
export function cannedAclOf(grants: readonly Grant[], ownerId: string): CannedAcl | 'other' {
  const named = grants
    .filter(({ Grantee, Permission }) => Grantee?.ID !== ownerId || Permission !== 'FULL_CONTROL')
    .map(({ Grantee, Permission }) => `${Permission} ${Grantee?.URI ?? Grantee?.ID ?? ''}`)
    .sort();
  for (const [acl, expected] of Object.entries(grantsOf)) {
    if (named.length === expected.length && expected.every((grant, at) => grant === named[at])) {
      return acl as CannedAcl;
    }
  }
  return 'other';
}
