import { readFile } from 'node:fs/promises';
import { PropertiesDocument } from '../files/properties.js';
import { isAbsence } from '../files/system-errors.js';
import { cannedAcls } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import { formatUploadRights } from '../model/users/upload-rights.js';
import type { SharedChange, UserChange, Username } from '../model/users.js';
import { fileFault, located } from './user-files.js';
import { readUserProperties, type UserProperties, userPropertyNames } from './user-properties.js';

/** The result of a change. `isNew` is true if the file does not exist yet. */
export interface ChangedProperties {
  readonly isNew: boolean;
  readonly isChanged: boolean;
  readonly text: string;
  readonly properties: UserProperties;
}

/** A setting and its new value; null removes it. */
export type Assignment = readonly [name: string, value: string | null];

/**
 * Returns the text of a `user.properties` after the change, without writing it. Keeps comments and order. A
 * new file begins with `newText`. Throws `invalid`, with file and line, if the result has an error.
 */
export async function changeProperties(
  path: string,
  newText: string,
  assignments: (isNew: boolean) => readonly Assignment[],
): Promise<ChangedProperties> {
  const existing = await readText(path);
  const document = PropertiesDocument.parse(existing ?? newText);
  for (const [name, value] of assignments(existing === null)) {
    if (value === null) document.remove(name);
    else document.set(name, value);
  }
  const { properties, problems } = readUserProperties(document);
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length > 0) throw new Fault('invalid', located(path, errors).join('; '));
  const text = document.render();
  return { isNew: existing === null, isChanged: text !== existing, text, properties };
}

/** Calls `changeProperties` for a user. */
export function changeUserProperties(
  path: string,
  username: Username,
  change: UserChange,
): Promise<ChangedProperties> {
  const newText = `# Settings of the SFTP user ${username}, one name=value per line. Changes take effect at once, without a restart.\n`;
  return changeProperties(path, newText, (isNew) => userAssignments(change, isNew));
}

/** Calls `changeProperties` for the shared directory. */
export function changeSharedProperties(path: string, change: SharedChange): Promise<ChangedProperties> {
  const newText =
    '# Settings of the shared directory, one name=value per line. Changes take effect at once, without a restart.\n';
  return changeProperties(path, newText, () => syncAssignments(change));
}

/** Calls `changeProperties` for the TOTP of a user. */
export function changeTotpProperty(path: string, hasTotp: boolean): Promise<ChangedProperties> {
  return changeProperties(path, '', () => [[userPropertyNames.totp, hasTotp ? 'yes' : null]]);
}

function userAssignments(change: UserChange, isNew: boolean): readonly Assignment[] {
  const names = userPropertyNames;
  const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
  const found: Assignment[] = [];
  const option = change.uploadOption ?? (isNew ? 1 : undefined);
  if (option !== undefined) found.push([names.uploadOption, String(option)]);
  if (change.kmsKeyArn !== undefined) found.push([names.kmsKeyArn, change.kmsKeyArn]);
  // A new `sse.key` replaces the key that the settings named.
  if (change.uploadKey !== undefined) found.push([names.uploadKeyId, null]);
  if (change.uploadKeyId !== undefined) found.push([names.uploadKeyId, change.uploadKeyId]);
  found.push(...syncAssignments(change));
  if (change.uploadBucket !== undefined) found.push([names.uploadBucket, change.uploadBucket]);
  if (change.uploadPrefix !== undefined) found.push([names.uploadPrefix, change.uploadPrefix]);
  const access = [
    [names.uploadRegion, change.uploadRegion],
    [names.uploadEndpoint, change.uploadEndpoint],
    [names.roleArn, change.uploadRoleArn],
    [names.externalId, change.uploadRoleExternalId],
  ] as const;
  for (const [name, value] of access) if (value !== undefined) found.push([name, value]);
  if (change.acl !== undefined) {
    const number = Object.entries(cannedAcls).find(([, acl]) => acl === change.acl)?.[0];
    if (number !== undefined) found.push([names.acl, number]);
  }
  if (change.uploadRights !== undefined) {
    found.push([names.dropbox, null], [names.uploadRights, formatUploadRights(change.uploadRights)]);
  }
  if (change.uploadExclusions !== undefined) {
    found.push([names.uploadExclusions, change.uploadExclusions.join(',')]);
  }
  const downloads = change.downloads ?? (isNew ? false : undefined);
  if (downloads !== undefined) found.push([names.downloads, yesNo(downloads)]);
  if (change.loginMethods !== undefined) found.push([names.loginMethods, change.loginMethods]);
  if (change.loginFrom !== undefined) found.push([names.loginFrom, change.loginFrom]);
  if (change.disabled !== undefined) found.push([names.loginDisabled, change.disabled ? 'yes' : null]);
  if (change.expiresMs !== undefined) {
    const time = change.expiresMs === null ? null : new Date(change.expiresMs).toISOString();
    found.push([names.loginExpires, time]);
  }
  const shared = change.shared ?? (isNew ? false : undefined);
  if (shared !== undefined) found.push([names.shared, yesNo(shared)]);
  return found;
}

function syncAssignments({ syncOption, syncKeyId }: SharedChange): readonly Assignment[] {
  const names = userPropertyNames;
  const found: Assignment[] = [];
  if (syncOption !== undefined) found.push([names.syncOption, String(syncOption)]);
  if (syncKeyId !== undefined) found.push([names.syncKeyId, syncKeyId]);
  return found;
}

async function readText(path: string): Promise<string | null> {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(path));
  } catch (error) {
    if (isAbsence(error)) return null;
    if (error instanceof TypeError) throw new Fault('invalid', `${path} line 1: the file is not valid UTF-8`);
    throw fileFault(path, 'read', error);
  }
}
