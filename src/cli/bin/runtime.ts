import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { passedSocket, passedSocketVariable } from '../../network/passed-socket.js';

/**
 * The oldest Node.js that runs the gateway: it has `AsyncDisposableStack`, ML-KEM and raw keys in
 * node:crypto.
 */
export const minNodeVersion = '24.15.0';

/** True if `version` (such as `24.22.3`) runs the gateway. */
export function isSupportedNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [minMajor = 0, minMinor = 0] = minNodeVersion.split('.').map(Number);
  return major > minMajor || (major === minMajor && minor >= minMinor);
}

/**
 * Returns the path of the Node.js that npm installed beside the gateway; null if this platform has
 * none.
 */
export function suppliedNode(from: string = import.meta.url): string | null {
  try {
    const manifest = createRequire(from).resolve(`node-${process.platform}-${process.arch}/package.json`);
    const program = join(dirname(manifest), 'bin', 'node');
    return existsSync(program) ? program : null;
  } catch {
    return null;
  }
}

const forwardedSignals = ['SIGTERM', 'SIGHUP'] as const;

/**
 * Runs the present script with the same arguments on another Node.js, passes the signals on, and
 * returns its exit code. A program that a signal ended gives 128 plus the signal's number, as a
 * shell reports it.
 */
export function rerunOn(program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = passedSocket(process.env, process.pid);
    const child = spawn(program, [...process.execArgv, ...process.argv.slice(1)], {
      stdio: socket === null ? 'inherit' : ['inherit', 'inherit', 'inherit', socket],
      env: socket === null ? process.env : { ...process.env, [passedSocketVariable]: String(socket) },
    });
    for (const signal of forwardedSignals) process.on(signal, () => child.kill(signal));
    // A terminal sends Ctrl-C to both processes, so the child already has it.
    process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
    child.once('error', reject);
    child.once('close', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

/**
 * Runs a program on this Node.js if it is new enough, else on the supplied one. Sets the exit code.
 * This file, its import and its importers are all that an older Node.js loads.
 */
export async function startProgram(run: (args: readonly string[]) => Promise<number>): Promise<void> {
  if (isSupportedNode(process.versions.node)) {
    process.exitCode = await run(process.argv.slice(2));
    return;
  }
  const supplied = suppliedNode();
  if (supplied === null) {
    process.stderr.write(
      `sftpgw needs Node.js ${minNodeVersion} or later, found ${process.versions.node}: install it, or run "npm install" again without --omit=optional\n`,
    );
    process.exitCode = 1;
    return;
  }
  process.exitCode = await rerunOn(supplied);
}
