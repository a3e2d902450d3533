import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A temporary directory in which OpenSSH's `ssh-keygen` makes keys, certificates and revocation lists. */
export class KeygenDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'ssh-keygen-test-'));

  /** True if `ssh-keygen` is installed. Tests that need it are skipped otherwise. */
  static readonly isInstalled = isRunnable();

  /** Runs `ssh-keygen` in the directory and returns its output. Throws if it fails. */
  run(...args: readonly string[]): string {
    return execFileSync('ssh-keygen', args, {
      cwd: this.path,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Makes a key pair without a passphrase and returns its public line. */
  make(name: string, type: string, bits?: number): string {
    const size = bits === undefined ? [] : ['-b', String(bits)];
    this.run('-q', '-t', type, ...size, '-N', '', '-C', name, '-f', name);
    return this.text(`${name}.pub`);
  }

  text(name: string): string {
    return readFileSync(join(this.path, name), 'utf8');
  }

  bytes(name: string): Buffer {
    return readFileSync(join(this.path, name));
  }

  /** Returns the wire form of the key or certificate in a `.pub` file. */
  blob(name: string): Buffer {
    return Buffer.from(this.text(name).split(' ')[1] ?? '', 'base64');
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function isRunnable(): boolean {
  try {
    // There is no option for the version: an unknown one ends with status 1 and the usage.
    execFileSync('ssh-keygen', ['-?'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
