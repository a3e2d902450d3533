import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const loader = new URL('../../scripts/run-typescript.mjs', import.meta.url).href;

/**
 * Runs a script that acknowledges each completed step with a line on standard output. Kills it after the
 * given number of lines and returns the complete lines that it has printed by then.
 */
export async function killAfter(
  script: URL,
  args: readonly string[],
  acknowledgements: number,
): Promise<readonly string[]> {
  const child = spawn(process.execPath, ['--import', loader, fileURLToPath(script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.split('\n').length > acknowledgements) child.kill('SIGKILL');
  });
  const [, signal] = await closed;
  expect(signal).toBe('SIGKILL');
  return text.split('\n').slice(0, -1);
}
