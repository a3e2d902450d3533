import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ended } from '../../support/command.js';
import { absent, type Outcome, type Session, type Steps } from './cells.js';

/** Limit of one step, in milliseconds. A client that hangs fails its cell only. The drill sends 5 GiB. */
export const stepLimitMs = process.env['SFTPGW_DRILL'] === 'full' ? 3_000_000 : 120_000;

const stepNames: { readonly [K in keyof Steps]: true } = {
  put: true,
  get: true,
  resumePut: true,
  resumeGet: true,
  rename: true,
  replace: true,
  mkdir: true,
  rmdir: true,
  putTree: true,
  getTree: true,
  putTimes: true,
  chmod: true,
  append: true,
  change: true,
  truncate: true,
  symlink: true,
  df: true,
  backUp: true,
};

/**
 * Starts a program that reads one step a line, as the name and the arguments with tabs between them, and answers each
 * with a line: `done`, `failed` or `absent`, a tab, and a text.
 */
export function scriptSession(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Session {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  const exit = ended(child).catch(() => [null, null] as const);
  let complaints = '';
  child.stderr.on('data', (bytes: Buffer) => {
    complaints += bytes.toString('utf8');
  });
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  const step = async (name: string, values: readonly string[]): Promise<Outcome> => {
    const before = complaints.length;
    child.stdin.write(`${[name, ...values].join('\t')}\n`);
    const limit = setTimeout(() => child.kill('SIGKILL'), stepLimitMs);
    const { value: line = '' } = await lines.next();
    clearTimeout(limit);
    const [kind = '', ...text] = String(line).split('\t');
    const output = [text.join(' '), complaints.slice(before)].filter((part) => part !== '').join('\n');
    if (kind === 'absent') return absent;
    if (kind === 'done' || kind === 'failed') return { kind, output };
    throw new Error(
      `${program} ${args.join(' ')} answered ${JSON.stringify(line)} to ${name}\n${complaints}`,
    );
  };

  const steps: Record<string, (...values: readonly string[]) => Promise<Outcome>> = {};
  for (const name of Object.keys(stepNames)) steps[name] = (...values) => step(name, values);
  return {
    ...(steps as unknown as Steps),
    async close() {
      child.stdin.end();
      const limit = setTimeout(() => child.kill('SIGKILL'), stepLimitMs);
      await exit;
      clearTimeout(limit);
    },
  };
}
