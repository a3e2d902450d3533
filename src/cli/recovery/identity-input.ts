import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { syncDirectory } from '../../files/durable.js';
import { hasCode } from '../../files/system-errors.js';
import { type AgeIdentity, parseAgeIdentity } from '../../keyring/age.js';
import { Fault } from '../../model/fault.js';
import { faultOf } from '../system-faults.js';
import { answerFileName, readAnswerFile } from '../terminal/answers.js';
import type { Shell } from '../terminal/shell.js';

/** The recovery identity from a file or, for `-`, from stdin. Throws `invalid`, naming the file and nothing of its content. */
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

/** The identity as `age-keygen` writes it, and `age -d -i` reads it. */
export function identityFileText({ secret, recipient }: AgeIdentity): string {
  return `# The recovery identity of an SFTP gateway: whoever has it opens every key of the gateway.\n# public key: ${recipient}\n${secret}\n`;
}

/** Writes a secret into a file of mode 0600 that was not there. Throws `exists`, and what the file system says. */
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
      throw new Fault('exists', `${absolute} is there already; nothing is written over it`);
    }
    throw faultOf(error, absolute);
  }
}
