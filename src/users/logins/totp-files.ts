import { removeFileDurably, secretFileMode, writeFileDurably } from '../../files/durable.js';
import { isAbsence } from '../../files/system-errors.js';
import type { Username } from '../../model/users.js';
import { changeTotpProperty } from '../change-properties.js';
import { fileFault, type UserFiles } from '../user-files.js';
import type { TotpSecret } from './totp.js';

/** Stores a user's secret and requires its codes. Returns false for an unknown user. Faults name the file. */
export async function writeTotp(files: UserFiles, username: Username, secret: TotpSecret): Promise<boolean> {
  const paths = files.paths(username);
  if ((await files.properties(username)) === null) return false;
  const changed = await changeTotpProperty(paths.properties, true);
  try {
    await writeFileDurably(paths.totpSecret, `${secret.reveal()}\n`, secretFileMode);
    if (changed.isChanged) await writeFileDurably(paths.properties, changed.text, secretFileMode);
  } catch (error) {
    throw fileFault(paths.totpSecret, 'written', error);
  }
  return true;
}

/** Removes a user's secret. Returns false if there was none, null for an unknown user. Faults name the file. */
export async function removeTotp(files: UserFiles, username: Username): Promise<boolean | null> {
  const paths = files.paths(username);
  const parsed = await files.properties(username);
  if (parsed === null) return null;
  const hadSecret = parsed.properties.totp || (await files.totp(username)) !== null;
  const changed = await changeTotpProperty(paths.properties, false);
  try {
    if (changed.isChanged) await writeFileDurably(paths.properties, changed.text, secretFileMode);
    await removeFileDurably(paths.totpSecret);
  } catch (error) {
    if (!isAbsence(error)) throw fileFault(paths.totpSecret, 'written', error);
  }
  return hadSecret;
}
