import { readFile } from 'node:fs/promises';
import { PropertiesDocument } from '../files/properties.js';
import { isAbsence } from '../files/system-errors.js';
import { cannedAcls } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { UserChange, Username } from '../model/users.js';
import { fileFault, located } from './user-files.js';
import { readUserProperties, type UserProperties, userPropertyNames } from './user-properties.js';

export interface ChangedProperties {
  readonly isNew: boolean;
  readonly isChanged: boolean;
  readonly text: string;
  readonly properties: UserProperties;
}

/**
 * The text of `user.properties` after the change; comments and order stay. Nothing is written. Throws `invalid`, with file and
 * line, when the result would not be taken.
 */
export async function changeProperties(
  path: string,
  username: Username,
  change: UserChange,
): Promise<ChangedProperties> {
  const existing = await readText(path);
  const document = PropertiesDocument.parse(existing ?? newText(username));
  for (const [name, value] of assignments(change, existing === null)) document.set(name, value);
  const { properties, problems } = readUserProperties(document);
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length > 0) throw new Fault('invalid', located(path, errors).join('; '));
  const text = document.render();
  return { isNew: existing === null, isChanged: text !== existing, text, properties };
}

function newText(username: Username): string {
  return `# Settings of the SFTP user ${username}, one name=value a line. A change counts at once, without a restart.\n`;
}

function assignments(change: UserChange, isNew: boolean): readonly (readonly [string, string])[] {
  const names = userPropertyNames;
  const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
  const found: (readonly [string, string])[] = [];
  const option = change.uploadOption ?? (isNew ? 1 : undefined);
  if (option !== undefined) found.push([names.uploadOption, String(option)]);
  if (change.kmsKeyArn !== undefined) found.push([names.kmsKeyArn, change.kmsKeyArn]);
  if (change.uploadBucket !== undefined) found.push([names.uploadBucket, change.uploadBucket]);
  if (change.uploadPrefix !== undefined) found.push([names.uploadPrefix, change.uploadPrefix]);
  if (change.acl !== undefined) {
    const number = Object.entries(cannedAcls).find(([, acl]) => acl === change.acl)?.[0];
    if (number !== undefined) found.push([names.acl, number]);
  }
  const downloads = change.downloads ?? (isNew ? false : undefined);
  if (downloads !== undefined) found.push([names.downloads, yesNo(downloads)]);
  const shared = change.shared ?? (isNew ? false : undefined);
  if (shared !== undefined) found.push([names.shared, yesNo(shared)]);
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
