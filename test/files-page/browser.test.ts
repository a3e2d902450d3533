import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TotpSecret } from '../../src/users/logins/totp.js';
import {
  browserSkip,
  narrowDark,
  narrowLight,
  startBrowser,
  type View,
  Visit,
  wideDark,
  wideLight,
} from '../support/browser.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { type BucketAccess, gatewayTargets, itOnceFor, sdkClient } from '../support/gateway-targets.js';
import { SlowLink } from '../support/slow-link.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';
import {
  addPageUser,
  changePageUser,
  consoleUrl,
  objectBytes,
  PageBrowser,
  pageOptions,
  password,
} from './page-gateway.js';

const mebibyte = 1024 ** 2;
const isFull = process.env['SFTPGW_DRILL'] === 'full';
const views: readonly View[] = isFull
  ? [wideLight, wideDark, narrowLight, narrowDark]
  : [wideLight, narrowDark];
const shots = join(import.meta.dirname, 'shots');

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? browserSkip ?? missing('sftp', 'ssh-keygen');
  describe.skipIf(skip !== null)(
    `the files page in a browser, over ${target.name}${skip === null ? '' : ` (${skip})`}`,
    () => {
      let gateway: Gateway;
      let access: BucketAccess;
      let browser: Browser;
      let alice: TestUser;
      let url: string;

      beforeAll(async () => {
        mkdirSync(shots, { recursive: true });
        [gateway, browser] = await Promise.all([target.start(pageOptions), startBrowser()]);
        access = await target.access(gateway);
        alice = await gateway.addUser('alice');
        await changePageUser(gateway, 'alice', { password });
        url = await consoleUrl(gateway);
      });
      afterAll(async () => {
        await browser?.close();
        await gateway?.[Symbol.asyncDispose]();
      });

      /** Creates a file on the disk of the person. */
      function fileOf(name: string, content: Buffer): string {
        const path = join(gateway.work, name);
        writeFileSync(path, content);
        return path;
      }

      /** Opens the page and types a password. */
      async function type(visit: Visit, username: string, text = password): Promise<Page> {
        const { page } = visit;
        await page.goto('/files/');
        await page.getByLabel('User name').fill(username);
        await page.getByLabel('Password').fill(text);
        await page.getByRole('button', { name: 'Log in' }).click();
        return page;
      }

      /** Opens the page, logs in, and waits for the page of the user. */
      async function enter(visit: Visit, username: string): Promise<Page> {
        const page = await type(visit, username);
        await page.getByRole('button', { name: 'Log out' }).waitFor();
        return page;
      }

      const rowOf = (page: Page, name: string) =>
        page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) });

      const itOnce = itOnceFor(target);

      itOnce('logs in with a password and a code, and out', async () => {
        await addPageUser(gateway, 'dora');
        const { stdout } = await gateway.cli(['user', 'totp', 'dora']);
        const secret = TotpSecret.parse(new URL(stdout.trim()).searchParams.get('secret') ?? '');
        await using visit = await Visit.open(browser, url, wideLight, null);
        const page = await type(visit, 'dora', 'a wrong one');
        await page.getByText('The user name, the password or the code is wrong.').waitFor();
        await page.getByLabel('Password').fill(password);
        await page.keyboard.press('Enter');
        await page.getByLabel('Verification code').fill('000000');
        await page.keyboard.press('Enter');
        await page.getByText('The user name, the password or the code is wrong.').waitFor();
        await page.getByLabel('Verification code').fill(secret.codeAt(Date.now()));
        await page.keyboard.press('Enter');
        await page.getByText('This folder is empty. Drop files here to send them.').waitFor();
        await page.reload();
        await page.getByRole('heading', { name: 'uploads' }).waitFor();
        await page.getByRole('button', { name: 'Log out' }).click();
        await page.getByLabel('User name').waitFor();
        expect(await page.getByLabel('Password').inputValue()).toBe('');
        expect(await page.evaluate('document.cookie + localStorage.length + sessionStorage.length')).toBe(
          '00',
        );
        expect(visit.errors).toEqual([]);
        expect(visit.foreign).toEqual([]);
      });

      it('sends, renames, fetches and deletes a file, which S3 stores under the key of the user', async () => {
        const content = randomBytes(6 * mebibyte + 1);
        await using visit = await Visit.open(browser, url, wideLight, null);
        const page = await enter(visit, 'alice');
        await page
          .getByLabel('Files to send')
          .setInputFiles([fileOf('report.pdf', content), fileOf('empty.txt', Buffer.alloc(0))]);
        await page.getByText('Sent, 6.0 MiB').waitFor();
        await rowOf(page, 'empty.txt').waitFor();
        const key = 'alice/uploads/report.pdf';
        expect(content.equals(await objectBytes(access, alice, key))).toBe(true);
        const client = sdkClient(access);
        const withoutKey = client.send(new HeadObjectCommand({ Bucket: access.bucket, Key: key }));
        await expect(withoutKey).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } });
        client.destroy();

        await rowOf(page, 'report.pdf').getByRole('button', { name: 'Rename' }).click();
        await page.getByLabel('New name').fill('a/b');
        await page.keyboard.press('Enter');
        expect(await page.getByRole('dialog').isVisible()).toBe(true);
        await page.getByLabel('New name').fill('report 2.pdf');
        await page.keyboard.press('Enter');
        const [saved] = await Promise.all([
          page.waitForEvent('download'),
          rowOf(page, 'report 2.pdf').getByRole('link').click(),
        ]);
        expect(saved.suggestedFilename()).toBe('report 2.pdf');
        expect(content.equals(readFileSync(await saved.path()))).toBe(true);

        await page.getByLabel('Files to send').setInputFiles(fileOf('empty.txt', Buffer.from('more')));
        await page.getByRole('dialog').getByText('Replacing them cannot be undone here').waitFor();
        await page.getByRole('button', { name: 'Replace' }).click();
        await rowOf(page, 'empty.txt').getByText('4 B').waitFor();
        for (const name of ['report 2.pdf', 'empty.txt']) {
          await rowOf(page, name).getByRole('button', { name: 'Delete' }).click();
          await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
          await rowOf(page, name).waitFor({ state: 'detached' });
        }
        await page.getByText('This folder is empty.').waitFor();
        expect((await access.s3api('list-objects-v2')).stdout).not.toContain('report 2.pdf');
        expect(visit.errors).toEqual([]);
      });

      itOnce('shows a file as stored that the gateway listed as interrupted meanwhile', async () => {
        await addPageUser(gateway, 'iris');
        await using visit = await Visit.open(browser, url, wideLight, null);
        const { page } = visit;
        const begun = page.waitForResponse(
          (answer) => answer.request().method() === 'POST' && isUploads(answer.url()),
        );
        const part = 'alpha'.repeat(50_000);
        let listed = '';
        await page.route(isUploads, async (route) => {
          if (route.request().method() !== 'GET') return await route.continue();
          await begun;
          const answer = await route.fetch();
          listed += await answer.text();
          await route.fulfill({ response: answer });
        });
        // The content waits for the list of interrupted uploads, which has the upload then.
        await page.route(/\/uploads\/[\w-]{22}$/, async (route) => {
          await eventually('the list', () => listed !== '');
          await route.continue();
        });
        await enter(visit, 'iris');
        await page.getByLabel('Files to send').setInputFiles(fileOf('iris.txt', Buffer.from(part)));
        await page.getByText('Sent, ').waitFor();
        expect(listed).toContain('/uploads/iris.txt');
        await rowOf(page, 'iris.txt').getByRole('button', { name: 'Rename' }).waitFor();
        await page.getByRole('button', { name: 'Clear finished' }).click();
        await page.getByRole('region', { name: 'Interrupted' }).waitFor({ state: 'hidden' });
        expect(visit.errors).toEqual([]);
      });

      itOnce('continues with an upload whose refusal arrives after the next login', async () => {
        await addPageUser(gateway, 'judy');
        await using visit = await Visit.open(browser, url, wideLight, null);
        const page = await enter(visit, 'judy');
        const ofFolder = Promise.withResolvers<void>();
        const ofUpload = Promise.withResolvers<void>();
        const refused = new Set<string>();
        await page.route(/\/files\/api\/(uploads|directories)$/, async (route) => {
          const answer = await route.fetch();
          if (answer.status() === 401) {
            refused.add(answer.url());
            await (isUploads(answer.url()) ? ofUpload : ofFolder).promise;
          }
          await route.fulfill({ response: answer });
        });
        await page.context().clearCookies();
        await page.getByLabel('Files to send').setInputFiles(fileOf('late.txt', Buffer.from('alpha')));
        await page.getByRole('button', { name: 'New folder' }).click();
        await page.getByLabel('Name', { exact: true }).fill('late');
        await page.keyboard.press('Enter');
        await eventually('two refusals', () => refused.size === 2);
        await page.goto('/files/#/');
        await page.getByText('Your session has ended').waitFor();
        await page.getByLabel('Password').fill(password);
        await page.getByRole('button', { name: 'Log in' }).click();
        // The list after the login clears earlier messages.
        await rowOf(page, 'uploads').waitFor();
        ofFolder.resolve();
        await page.getByText('Your session had ended before the last action').waitFor();
        ofUpload.resolve();
        await page.getByText('Sent, 5 B').waitFor();
        expect(await page.getByRole('button', { name: 'Log in' }).isVisible()).toBe(false);
      });

      it('shows the progress, and resumes after a cut connection and a killed gateway', async () => {
        const content = randomBytes(24 * mebibyte);
        await using link = await SlowLink.start(url, 4 * mebibyte);
        await using visit = await Visit.open(browser, link.endpoint, wideLight, null);
        const page = await enter(visit, 'alice');
        const offsets: number[] = [];
        page.on('request', (request) => {
          if (request.method() === 'PATCH') offsets.push(Number(request.headers()['upload-offset']));
        });
        const progress = async () => Number(await page.getByRole('progressbar').getAttribute('value'));
        await page.getByLabel('Files to send').setInputFiles(fileOf('movie.bin', content));
        await page.getByText(/Sending · [\d.]+ MiB of 24\.0 MiB · [\d.]+ MiB\/s · \d+ s left/).waitFor();
        const before = await eventually('a third', async () =>
          (await progress()) > 0.4 ? progress() : null,
        );
        link.cut();
        await page.getByText('Trying again · The server cannot be reached.').waitFor();
        link.mend();
        await eventually('it is sent again', () => offsets.length === 2);
        expect(offsets).toEqual([0, expect.toSatisfy((at: number) => at > mebibyte)]);
        await eventually('more than before', async () => (await progress()) > before);

        await gateway.end('SIGKILL');
        await page.getByText('Trying again').waitFor();
        await gateway.serve();
        url = await consoleUrl(gateway);
        link.upstream = new URL(url);
        link.bytesPerSecond = 1024 * mebibyte;
        const tryNow = page.getByRole('button', { name: 'Try now: movie.bin' });
        await tryNow.click({ timeout: 5_000 }).catch(() => undefined);
        await page.getByText('Sent, 24.0 MiB').waitFor();
        await rowOf(page, 'movie.bin').getByText('24.0 MiB').waitFor();
        expect(content.equals(await objectBytes(access, alice, 'alice/uploads/movie.bin'))).toBe(true);
        expect(visit.errors).toEqual([]);
      });

      itOnce('continues with the file that a person chooses again after the page was closed', async () => {
        const content = randomBytes(16 * mebibyte);
        const file = fileOf('later.bin', content);
        await using link = await SlowLink.start(url, 8 * mebibyte);
        await using visit = await Visit.open(browser, link.endpoint, wideLight, null);
        const page = await enter(visit, 'alice');
        await page.getByLabel('Files to send').setInputFiles(file);
        const progress = async () => Number(await page.getByRole('progressbar').getAttribute('value'));
        await eventually('most of it', async () => (await progress()) > 0.7);
        await page.getByRole('button', { name: 'Pause later.bin' }).click();
        await page.getByText('Paused').waitFor();
        await page.reload();
        await page.getByText(/[1-9]\d* % of 16\.0 MiB received/).waitFor();
        await rowOf(page, 'later.bin').getByText('incomplete').waitFor();
        expect(await rowOf(page, 'later.bin').getByRole('link').count()).toBe(0);
        const resumed = page.waitForRequest((request) => request.method() === 'PATCH');
        await page.getByLabel('Files to send').setInputFiles(file);
        expect(Number((await resumed).headers()['upload-offset'])).toBeGreaterThan(mebibyte);
        await page.getByText('Sent, 16.0 MiB').waitFor();
        await page.getByRole('region', { name: 'Interrupted' }).waitFor({ state: 'hidden' });
        await rowOf(page, 'later.bin').getByText('16.0 MiB').waitFor();
        expect(content.equals(await objectBytes(access, alice, 'alice/uploads/later.bin'))).toBe(true);
      });

      itOnce('lets a user of a drop box send, and shows them nothing', async () => {
        await addPageUser(gateway, 'drop', ['upload.rights=dropbox']);
        await using visit = await Visit.open(browser, url, wideLight, null);
        const page = await enter(visit, 'drop');
        await page.getByText('Its content is not shown to you.').waitFor();
        await page.getByLabel('Files to send').setInputFiles(fileOf('tender.txt', Buffer.from('mine')));
        await page.getByText('Sent, 4 B').waitFor();
        await visit.settle();
        expect(await page.getByRole('row').count()).toBe(0);
        expect(await page.getByRole('button', { name: /Rename|Delete/ }).count()).toBe(0);
        expect(visit.errors).toEqual([]);
      });

      itOnce('shows hostile names as text, and saves content that is never shown', async () => {
        await addPageUser(gateway, 'victor');
        const sender = await new PageBrowser(url).loginOk('victor');
        const evil = '<img src=x onerror="window.evil=1">.html';
        const turned = 'invoice\u202Egnp.exe';
        const content = Buffer.from('<script>window.evil=1</script>');
        for (const name of [
          evil,
          turned,
          '"><svg onload=evil()>',
          'javascript:alert(1)',
          '%2e%2e',
          '#a?b=c',
        ]) {
          expect((await sender.upload(`/uploads/${name}`, content)).status).toBe(204);
        }
        const folder = { path: '/uploads/<b>bold&amp;' };
        expect(await sender.request('POST', '/directories', { body: folder })).toMatchObject({ status: 204 });
        await using visit = await Visit.open(browser, url, wideLight, null);
        const page = await enter(visit, 'victor');
        await page.getByRole('link', { name: evil }).waitFor();
        expect(await page.locator('#rows img, #rows b, #rows svg[onload]').count()).toBe(0);
        expect(await page.getByText('U+202E').count()).toBe(1);
        for (const name of [evil, '%2e%2e', '#a?b=c', 'javascript:alert(1)']) {
          const [saved] = await Promise.all([
            page.waitForEvent('download'),
            page.getByRole('link', { name }).click(),
          ]);
          expect(content.equals(readFileSync(await saved.path()))).toBe(true);
        }
        // A link that is opened by itself is saved, too.
        const direct = await page.context().newPage();
        const link = `/files/api/content?path=${encodeURIComponent(`/uploads/${evil}`)}`;
        const [saved] = await Promise.all([
          direct.waitForEvent('download'),
          direct.goto(link).catch(() => undefined),
        ]);
        expect(saved.suggestedFilename()).not.toMatch(/[<>"]/);
        await page.getByRole('button', { name: `Delete ${evil}` }).click();
        await page.getByRole('dialog').getByText(`Delete ${evil}?`).waitFor();
        await page.getByRole('button', { name: 'Cancel' }).click();
        await page.getByRole('link', { name: '<b>bold&amp;' }).click();
        await page.getByRole('heading', { name: '<b>bold&amp;' }).waitFor();
        expect(await page.evaluate('window.evil')).toBeUndefined();
        expect(visit.errors).toEqual([]);
      });

      itOnce('works by keyboard alone, and keeps the focus where the person was', async () => {
        await addPageUser(gateway, 'kim');
        await using visit = await Visit.open(browser, url, wideLight, null);
        const { page } = visit;
        const { keyboard } = page;
        const focused = async () =>
          String(
            await page.evaluate(
              "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()",
            ),
          );
        const tabTo = async (name: string) => {
          for (let step = 0; step < 40; step++) {
            if ((await focused()) === name) return;
            await keyboard.press('Tab');
          }
          throw new Error(`Tab does not reach ${name}, but ${await focused()}`);
        };
        // The browser hands choosers to the test from here on, so that none opens before it does.
        const opened = page.waitForEvent('filechooser', { timeout: 120_000 });
        opened.catch(() => undefined);
        await page.goto('/files/');
        await page.getByLabel('User name').waitFor();
        await keyboard.type('kim');
        await keyboard.press('Tab');
        await keyboard.type(password);
        await keyboard.press('Enter');
        await page.getByText('This folder is empty.').waitFor();
        await tabTo('New folder');
        await keyboard.press('Enter');
        await keyboard.type('inbox');
        await keyboard.press('Enter');
        await page.getByRole('link', { name: 'inbox' }).waitFor();
        await tabTo('inbox');
        await keyboard.press('Enter');
        await page.getByRole('heading', { name: 'inbox' }).waitFor();
        await tabTo('Send files');
        await keyboard.press('Enter');
        const chooser = await opened;
        await chooser.setFiles(fileOf('note.txt', Buffer.from('x')));
        await rowOf(page, 'note.txt').waitFor();
        await tabTo('Rename note.txt');
        await keyboard.press('Enter');
        await keyboard.type('memo');
        await keyboard.press('Enter');
        await rowOf(page, 'memo.txt').waitFor();
        await eventually('the focus is in the row', async () => (await focused()) === 'Rename memo.txt');
        await tabTo('Delete memo.txt');
        await keyboard.press('Enter');
        await keyboard.press('Escape');
        await eventually('the focus is back', async () => (await focused()) === 'Delete memo.txt');
        await keyboard.press('Enter');
        expect(await focused()).toBe('Cancel');
        await tabTo('Delete');
        await keyboard.press('Enter');
        await page.getByText('This folder is empty.').waitFor();
        await eventually('the focus is in the page', async () => (await focused()) === 'inbox');
        await tabTo('Log out');
        await keyboard.press('Enter');
        await page.getByLabel('User name').waitFor();
        expect(visit.errors).toEqual([]);
      });

      for (const view of views) {
        itOnce(`has no fault at ${view.width} pixels in ${view.scheme} colours`, async () => {
          const name = `grace-${view.width}-${view.scheme}`;
          await addPageUser(gateway, name);
          const sender = await new PageBrowser(url).loginOk(name);
          for (const folder of ['2026', 'Invoices and credit notes']) {
            await sender.request('POST', '/directories', { body: { path: `/uploads/${folder}` } });
          }
          for (const file of shownNames)
            await sender.upload(`/uploads/${file}`, randomBytes(file.length ** 2));
          await using link = await SlowLink.start(url, 100 * mebibyte);
          await using visit = await Visit.open(browser, link.endpoint, view, null);
          const { page } = visit;
          const faults: string[] = [];
          const check = async (state: string) => {
            if (isFull)
              await page.screenshot({ path: join(shots, `${state}-${view.width}-${view.scheme}.png`) });
            const overflow = await visit.overflow();
            const shown = await page.evaluate(
              "[...document.querySelectorAll('[hidden]')].filter((part) => part.checkVisibility()).map(({ id }) => id).join()",
            );
            const found = [...(await visit.violations()), ...visit.errors.splice(0)];
            if (overflow > 0) found.push(`${overflow} pixels wider than the window`);
            if (shown !== '') found.push(`hidden parts are shown: ${shown}`);
            faults.push(...found.map((fault) => `${state}: ${fault}`));
          };
          await page.goto('/files/');
          await page.getByLabel('User name').waitFor();
          await check('login');
          await type(visit, name, 'wrong');
          await page.getByText('is wrong').waitFor();
          await check('login-wrong');
          await enter(visit, name);
          await rowOf(page, 'invoice-0042.pdf').waitFor();
          await check('listing');
          await rowOf(page, 'invoice-0042.pdf').getByRole('button', { name: 'Rename' }).click();
          await page.getByLabel('New name').waitFor();
          await check('rename');
          await page.keyboard.press('Escape');
          link.bytesPerSecond = mebibyte;
          const chosen = ['backup-of-monday.tar', 'photo.jpg', 'second-photo.jpg', 'third-photo.jpg'];
          const large = chosen.map((one) => fileOf(one, Buffer.alloc(8 * mebibyte)));
          await page.getByLabel('Files to send').setInputFiles(large);
          await page
            .getByText(/Sending .* left/)
            .first()
            .waitFor();
          await page.getByRole('button', { name: 'Pause photo.jpg' }).click();
          await page.getByText('Paused').waitFor();
          await check('sending');
          link.cut();
          await page.getByText('Trying again').first().waitFor();
          await check('reconnecting');
          link.mend();
          link.bytesPerSecond = 100 * mebibyte;
          await page.reload();
          await page
            .getByText(/% of 8\.0 MiB received/)
            .first()
            .waitFor();
          await check('interrupted');
          await page.getByRole('link', { name: '2026' }).click();
          await page.getByText('This folder is empty.').waitFor();
          await check('empty');
          expect(faults).toEqual([]);
        });
      }
    },
  );
}

function isUploads(url: URL | string): boolean {
  return new URL(url).pathname === '/files/api/uploads';
}

const shownNames = [
  'invoice-0042.pdf',
  'invoice-0043.pdf',
  'Bilanz und Gewinn-und-Verlust-Rechnung des Geschäftsjahres 2025, geprüft und unterschrieben (endgültig).xlsx',
  'ファイル名が日本語の場合の例.docx',
  'invoice\u202Egnp.exe',
  'a',
];
