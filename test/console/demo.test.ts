import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserSkip, startBrowser, Visit, wideLight } from '../support/browser.js';
import { ended, runOk } from '../support/command.js';
import { mainScript } from '../support/gateway.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually, underLoad } from '../support/wait.js';

const firstUploadLimitMs = 60_000;

describe.skipIf((browserSkip ?? embeddedSkip ?? missing('sftp')) !== null)('the demo', () => {
  let directory: string;
  let child: ChildProcess;
  let output = '';

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'sftpgw-demo-'));
  });
  afterAll(async () => {
    if (child.exitCode === null) {
      const end = ended(child);
      child.kill('SIGKILL');
      await end;
    }
    rmSync(directory, { recursive: true, force: true });
  });

  it('prints a link that shows the first upload with its key within a minute, and works once', async () => {
    const began = performance.now();
    const listen = ['--sftp-listen', '127.0.0.1:0', '--s3-listen', '127.0.0.1:0'];
    const root = join(directory, 'sftpgw-data');
    // The arguments of `npm start`, with free ports and a root of its own.
    child = spawn(
      process.execPath,
      [mainScript, 'serve', '--embedded', '--demo', '--root', root, ...listen],
      {
        cwd: directory,
        env: { ...process.env, SFTPGW_CONSOLE_LISTEN: '127.0.0.1:0' },
      },
    );
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8');
      });
    }
    const link = await eventually(
      'the demo prints the link',
      () => /^open (http:\/\/localhost:\d+\/welcome#[\w-]{43})$/m.exec(output)?.[1] ?? null,
    );
    const upload = /^echo .*$/m.exec(output)?.[0] ?? '';
    await runOk('sh', ['-c', upload], { cwd: directory });
    await using browser = { page: await startBrowser(), [Symbol.asyncDispose]: () => browser.page.close() };
    const { origin } = new URL(link);
    await using visit = await Visit.open(browser.page, origin, wideLight, null);
    await visit.page.goto(link);
    const row = visit.page.locator('.last-uploads li', { hasText: '/uploads/hello.txt' });
    await row.locator('a[href^="/keys/"]').waitFor();
    expect(performance.now() - began).toBeLessThan(underLoad(firstUploadLimitMs));
    expect(await row.innerText()).toMatch(/^demo\s+\/uploads\/hello\.txt\s+.*[0-9a-f]{8}/s);
    expect(new URL(visit.page.url()).hash).toBe('');
    expect(visit.errors).toEqual([]);
    await using other = await Visit.open(browser.page, origin, wideLight, null);
    await other.page.goto(link);
    await other.page.getByRole('heading', { name: 'This link does not work' }).waitFor();
    // The token is in what the demo prints, and in nothing that it logs.
    expect(output.split(link.replace(/.*#/, ''))).toHaveLength(2);
  });
});
