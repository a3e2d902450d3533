import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { syncDirectory } from '../../files/durable.js';
import { hasCode } from '../../files/system-errors.js';
import { type AgeIdentity, parseAgeIdentity } from '../../keyring/age.js';
import { Fault } from '../../model/fault.js';
import { faultOf } from '../system-faults.js';
import { answerFileName, readAnswerFile } from '../terminal/answers.js';
import type { Shell } from '../terminal/shell.js';

/**
 * Reads the recovery identity from a file, or from stdin for `-`. Throws `invalid` with the file's
 * name, never with its content.
 */
export async function readIdentity(shell: Shell, path: string): Promise<AgeIdentity> {
  const content = await readAnswerFile(shell, path);
  try {
    return await parseAgeIdentity(content.toString('utf8'));
  } catch (error) {
    throw new Fault('invalid', `${answerFileName(path)}: ${Fault.from(error).hint}`);
  } finally {
    content.fill(0);
  }
}

/** Returns the identity in the format of `age-keygen`, which `age -d -i` reads. */
export function identityFileText({ secret, recipient }: AgeIdentity): string {
  return `# The recovery identity of an SFTP gateway: it opens every key of the gateway.\n# public key: ${recipient}\n${secret}\n`;
}

/**
 * Writes a secret into a new file of mode 0600 and returns its absolute path. Throws `exists` and
 * faults of the file system.
 */
export async function writeNewSecretFile(shell: Shell, path: string, text: string): Promise<string> {
  const absolute = resolve(shell.workingDirectory, path);
  try {
    const handle = await open(absolute, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncDirectory(resolve(absolute, '..'));
    return absolute;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) {
      throw new Fault('exists', `${absolute} already exists and is not overwritten`);
    }
    throw faultOf(error, absolute);
  }
}
