import { accountId } from './encryption-headers.js';
import { invalidArgument, notImplemented } from './errors.js';
import type { Headers } from './http/request.js';
import type { XmlElement, XmlNode } from './xml.js';

/** The one account that owns everything. Its canonical id is invented, and the same on every server. */
const ownerId = '75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a';

const allUsers = 'http://acs.amazonaws.com/groups/global/AllUsers';
const authenticatedUsers = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers';
const logDelivery = 'http://acs.amazonaws.com/groups/s3/LogDelivery';

/**
 * The grants of each canned ACL besides the owner's full control. There is one account: it owns
 * buckets and objects.
 */
const cannedGrants: Readonly<Record<string, readonly (readonly [group: string, permission: string])[]>> = {
  private: [],
  'public-read': [[allUsers, 'READ']],
  'public-read-write': [
    [allUsers, 'READ'],
    [allUsers, 'WRITE'],
  ],
  'aws-exec-read': [],
  'authenticated-read': [[authenticatedUsers, 'READ']],
  'bucket-owner-read': [],
  'bucket-owner-full-control': [],
  'log-delivery-write': [
    [logDelivery, 'WRITE'],
    [logDelivery, 'READ_ACP'],
  ],
};

/**
 * Returns the canned ACL of a request. It is stored and returned, but not enforced: the credentials
 * allow everything.
 */
export function parseCannedAcl(headers: Headers): string {
  const grant = Object.keys(headers).find((name) => name.startsWith('x-amz-grant-'));
  if (grant !== undefined) throw notImplemented(`The header ${grant}`);
  const acl = headers['x-amz-acl'];
  if (acl === undefined) return 'private';
  if (!Object.hasOwn(cannedGrants, acl)) throw invalidArgument('', 'x-amz-acl', acl);
  return acl;
}

export const ownerElement: XmlNode = ['Owner', [['ID', ownerId]]];

export const initiatorElement: XmlNode = ['Initiator', [['ID', `arn:aws:iam::${accountId}:root`]]];

/** Returns the AccessControlPolicy document of a canned ACL. */
export function renderAcl(acl: string): XmlElement {
  const xsi = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type=';
  const grants: XmlNode[] = [
    [
      'Grant',
      [
        ['Grantee', [['ID', ownerId]], `${xsi}"CanonicalUser"`],
        ['Permission', 'FULL_CONTROL'],
      ],
    ],
  ];
  for (const [group, permission] of cannedGrants[acl] ?? []) {
    grants.push([
      'Grant',
      [
        ['Grantee', [['URI', group]], `${xsi}"Group"`],
        ['Permission', permission],
      ],
    ]);
  }
  return [ownerElement, ['AccessControlList', grants]];
}
