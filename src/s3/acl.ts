import { GetObjectAclCommand, type Grant } from '@aws-sdk/client-s3';
import type { Call } from '../model/call.js';
import type { CannedAcl } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { ObjectRef } from '../model/object-store.js';
import { request, type S3Context } from './context.js';
import { directText } from './direct/direct-text.js';
import type { Attempt } from './errors/translate.js';
import { parseXml, rememberingLast } from './xml.js';

const allUsers = 'http://acs.amazonaws.com/groups/global/AllUsers';
const authenticatedUsers = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers';

/** The grants of each canned ACL besides the owner's full control. */
const grantsOf: Readonly<Partial<Record<CannedAcl, readonly string[]>>> = {
  private: [],
  'public-read': [`READ ${allUsers}`],
  'public-read-write': [`READ ${allUsers}`, `WRITE ${allUsers}`],
  'authenticated-read': [`READ ${authenticatedUsers}`],
};

/**
 * Returns the canned ACL with the same grants as the object's ACL, or `other`. Null when there is no such
 * object.
 */
export async function getAcl(
  context: S3Context,
  call: Call,
  ref: ObjectRef,
): Promise<CannedAcl | 'other' | null> {
  const command = new GetObjectAclCommand({ Bucket: ref.bucket, Key: ref.key });
  const attempt: Attempt = { operation: 'GetObjectAcl', ...ref, permission: 's3:GetObjectAcl' };
  const isDirect = await context.direct.canReach(call, ref.bucket);
  return request(
    context,
    call,
    async (sent) => {
      if (!isDirect) {
        const { Grants = [], Owner } = await context.client.send(command, sent);
        return cannedAclOf(Grants, Owner?.ID ?? '');
      }
      const wanted = { method: 'GET', ...ref, query: { acl: '' } } as const;
      const acl = aclOfXml((await directText(context.direct, wanted, sent)).text);
      if (acl === null)
        throw new Fault('unavailable', `S3 sent something other than the ACL of "${ref.key}"`);
      return acl;
    },
    attempt,
    { does: 'other' },
  );
}

interface AclDocument {
  readonly AccessControlPolicy?: {
    readonly Owner?: { readonly ID?: string };
    readonly AccessControlList?: { readonly Grant?: readonly Grant[] } | string;
  };
}

/** Reads the answer to GetObjectAcl. Pure. Null when it is not one. */
export const aclOfXml = rememberingLast((text): CannedAcl | 'other' | null => {
  const policy = (parseXml(text, ['Grant']) as AclDocument).AccessControlPolicy;
  const list = policy?.AccessControlList;
  if (policy?.Owner?.ID === undefined || list === undefined) return null;
  return cannedAclOf(typeof list === 'string' ? [] : (list.Grant ?? []), policy.Owner.ID);
});

/** Returns the canned ACL that these grants make, in any order. Pure. */
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
