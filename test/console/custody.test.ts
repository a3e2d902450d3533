import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  browserSkip,
  narrowDark,
  narrowLight,
  type View,
  type Visit,
  wideDark,
  wideLight,
} from '../support/browser.js';
import { runOk } from '../support/command.js';
import { customerKeyArguments, gatewayTargets, itOnceFor } from '../support/gateway-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';
import { ConsoleWorld, objectsEach } from './console-world.js';
import { takePicture } from './pictures.js';

const isFull = process.env['SFTPGW_DRILL'] === 'full';
const programs = missing('age', 'age-keygen', 'aws');

/** Every page of custody, with the name of its picture. */
function pagesOf(ids: Readonly<Record<'bucket' | 'key' | 'rotation' | 'webhook', string>>) {
  const { bucket, key, rotation, webhook } = ids;
  const object = encodeURIComponent('acme/uploads/report-0.csv');
  return [
    ['/objects', 'objects'],
    [`/objects?bucket=${bucket}&key=${key}`, 'objects-of-key'],
    [`/objects?bucket=${bucket}&object=${object}`, 'object'],
    ['/keys', 'keys'],
    [`/keys/${key}`, 'key'],
    ['/rotations', 'rotations'],
    [`/rotations/${rotation}`, 'rotation'],
    ['/ledger', 'ledger'],
    ['/recovery', 'recovery-without-identity'],
    ['/storage', 'storage'],
    ['/webhooks', 'webhooks'],
    [`/webhooks/${webhook}`, 'webhook'],
    ['/settings', 'settings'],
    ['/settings?source=file', 'settings-of-file'],
    ['/admins', 'admins'],
    ['/admins?tab=tokens', 'tokens'],
    ['/admins/bill', 'admin'],
    ['/approvals', 'approvals'],
  ] as const;
}

for (const target of await gatewayTargets()) {
  const isEmbedded = target.name === 'embedded S3';
  const views = isFull
    ? [wideLight, wideDark, narrowLight, narrowDark]
    : isEmbedded
      ? [wideLight, narrowDark]
      : [narrowLight];
  describe.skipIf((target.skip ?? browserSkip ?? programs) !== null)(
    `the pages of keys and people, over ${target.name}`,
    () => {
      const itOnce = itOnceFor(target);
      let world: ConsoleWorld;

      beforeAll(async () => {
        world = await ConsoleWorld.start(target);
      });
      afterAll(() => world?.[Symbol.asyncDispose]());

      /** Checks what the window shows, and takes its picture. */
      async function inspect(visit: Visit, view: View, name: string): Promise<void> {
        await visit.settle();
        if (isEmbedded) await takePicture(visit, view, name);
        expect([name, await visit.violations(), await visit.overflow(), visit.errors]).toEqual([
          name,
          [],
          0,
          [],
        ]);
      }

      // First: the gateway runs one rotation after another, and the next test begins a slow one.
      it('follow a rotation to its end after the tab was closed', async () => {
        const before = await world.keyOf('cobalt');
        {
          await using visit = await world.open('bill', wideLight);
          const { page } = visit;
          await visit.go('/rotations');
          await page.getByRole('button', { name: 'Rotate the key of a user' }).click();
          await page.getByRole('combobox', { name: /^User/ }).selectOption('cobalt');
          await page.getByLabel('Objects per second').fill('0.2');
          await page.getByRole('button', { name: 'Begin' }).click();
          await page.getByText(/^[1-5] objects? \(.*\) done, left: /).waitFor();
        }
        await using visit = await world.open('bill', wideLight);
        const { page } = visit;
        await visit.go('/rotations');
        await page
          .getByRole('row', { name: /cobalt.*running/ })
          .getByRole('link', { name: 'cobalt', exact: true })
          .click();
        await page.getByRole('button', { name: 'Change the pace' }).click();
        await page.getByLabel('Objects per second').fill('');
        await page.getByRole('button', { name: 'Set the pace' }).click();
        await page.getByText(/^6 objects \(.*\) done. Finished /).waitFor();
        const after = await world.keyOf('cobalt');
        expect(after).not.toBe(before);
        await page.locator(`dd a[href="/keys/${after}"]`).waitFor();
        expect(await world.keysOfObjects('cobalt')).toEqual(new Array(objectsEach).fill(after));
        expect(visit.errors).toEqual([]);
      });

      it('show every page without a fault', async () => {
        const { id: rotation } = await world.ask('POST', '/api/rotations', {
          ...{ username: 'borealis', versions: 'keep', parallel: 1 },
          ...{ objectsPerSecond: 0.01, bytesPerSecond: null },
        });
        const { webhook } = await world.ask('POST', '/api/webhooks', {
          label: 'billing',
          url: world.receiver.url,
        });
        const pages = pagesOf({
          bucket: world.access.bucket,
          key: await world.keyOf('acme'),
          rotation: String(rotation),
          webhook: String((webhook as { readonly id: string }).id),
        });
        for (const view of views) {
          await using visit = await world.open('alice', view);
          for (const [path, name] of pages) {
            await visit.go(path);
            expect([name, await visit.page.locator('.problem').allInnerTexts()]).toEqual([name, []]);
            await inspect(visit, view, name);
          }
          expect(visit.foreign).toEqual([]);
        }
      });

      it('find an object by the label of its key, and move it to another user under their key', async () => {
        await using visit = await world.open('alice', wideLight);
        const { page } = visit;
        const { access, bob } = world;
        const [from, to] = [await world.keyOf('acme'), await world.keyOf('bob')];
        await visit.go('/objects');
        await page.getByLabel('Key', { exact: true }).selectOption(`acme uploads (${from.slice(0, 8)})`);
        await page.getByRole('link', { name: 'acme/uploads/report-5.csv' }).click();
        await page.getByRole('button', { name: 'Move', exact: true }).click();
        await page.getByLabel('To the uploads of').selectOption('bob');
        const dialog = page.getByRole('dialog');
        await dialog.getByText('The gateway allows this.').waitFor();
        await dialog.locator(`a[href="/keys/${to}"]`).waitFor();
        await inspect(visit, wideLight, 'object-move');
        // Beside bob's own reports.
        await dialog.getByLabel('Object key').fill('bob/uploads/from-acme.csv');
        await dialog.getByText('The gateway allows this.').waitFor();
        await dialog.getByRole('button', { name: 'Move' }).click();
        await page
          .getByRole('heading', { name: `s3://${access.bucket}/bob/uploads/from-acme.csv` })
          .waitFor();
        await page.locator(`main dd a[href="/keys/${to}"]`).waitFor();
        // S3 itself opens the object with bob's key.
        const head = ['head-object', '--key', 'bob/uploads/from-acme.csv', ...customerKeyArguments(bob)];
        expect(await access.s3api(...head)).toMatchObject({ code: 0 });
        const old = await access.s3api('head-object', '--key', 'acme/uploads/report-5.csv');
        expect(old.stderr).toContain('404');
        expect(visit.errors).toEqual([]);
      });

      itOnce('prove by a challenge who has the recovery identity, with the stock age program', async () => {
        const file = join(world.gateway.work, 'recovery.txt');
        const { stderr } = await runOk('age-keygen', ['-o', file]);
        const recipient = /age1\w+/.exec(stderr)?.[0] ?? '';
        await using visit = await world.open('bill', wideLight);
        const { page } = visit;
        await visit.go('/recovery');
        await page.getByText('There is no recovery identity: ').waitFor();
        const created = await world.gateway.cli(['recovery', 'init', '--recipient', recipient]);
        expect([created.code, created.stderr]).toEqual([0, '']);
        await visit.go('/recovery');
        await page.getByText('never proven by a drill').waitFor();
        await page.getByRole('button', { name: 'Begin a drill' }).click();
        await page.getByRole('button', { name: 'Show the challenge' }).click();
        const sealed = await page.locator('[data-challenge]').innerText();
        await inspect(visit, wideLight, 'recovery-drill');
        await page.getByLabel('The words that age prints').fill('these are not it');
        await page.getByRole('button', { name: 'Check the words' }).click();
        await page.getByText('These are not the words of the challenge.').waitFor();
        const { stdout: words } = await runOk('age', ['-d', '-i', file], { input: `${sealed}\n` });
        await page.getByLabel('The words that age prints').fill(words);
        await page.getByRole('button', { name: 'Check the words' }).click();
        await page.getByText('proven now').waitFor();
        expect(visit.errors).toEqual([]);
      });

      itOnce('record who holds the shares, and when each has confirmed', async () => {
        await using visit = await world.open('bill', narrowLight);
        const { page } = visit;
        await visit.go('/recovery');
        await page.getByRole('button', { name: 'Record the holders' }).click();
        await page.getByLabel('Set').fill('9b2cf535');
        await page.getByRole('textbox', { name: 'Holders' }).fill('Ada, Paris\nBo, Basel\nCy');
        await page.getByRole('button', { name: 'Record', exact: true }).click();
        const row = page.getByRole('row', { name: /Bo, Basel/ });
        await row.getByText('never').waitFor();
        await row.getByRole('button', { name: 'Confirm' }).click();
        await page.getByRole('button', { name: 'They have it' }).click();
        await row.getByText('now').waitFor();
        await inspect(visit, narrowLight, 'recovery-shares');
      });

      itOnce('show the proof as a key is destroyed, and what contradicts it', async () => {
        await using visit = await world.open('bill', wideLight);
        const { page } = visit;
        const { id } = await world.ask('POST', '/api/keys', { label: 'unused' });
        await visit.go(`/keys/${id}`);
        await page.getByRole('button', { name: 'Destroy' }).click();
        await page.getByText('this cannot be undone, not even with the recovery identity').waitFor();
        await page.getByRole('button', { name: 'Prove and destroy' }).click();
        await page.getByText('No version needed the key. It is destroyed.').waitFor();
        await page.getByText('Destroyed. Nothing can open what it encrypted.').waitFor();
        await inspect(visit, wideLight, 'key-destroyed');
        await visit.go(`/keys/${await world.keyOf('bob')}`);
        await page.getByRole('button', { name: 'Prove that it is unused' }).click();
        await page.getByText(/^\d versions need the key, so it stays\.$/).waitFor();
        await page
          .getByRole('link', { name: `s3://${world.access.bucket}/bob/uploads/report-0.csv` })
          .waitFor();
        await inspect(visit, wideLight, 'key-needed');
      });

      itOnce('show a bucket that refuses customer keys, what fails, and the remedy', async () => {
        const block = (type: 'SSE-C' | 'NONE') =>
          world.access.s3api(
            'put-bucket-encryption',
            '--server-side-encryption-configuration',
            JSON.stringify({ Rules: [{ BlockedEncryptionTypes: { EncryptionType: [type] } }] }),
          );
        expect(await block('SSE-C')).toMatchObject({ code: 0 });
        try {
          await using visit = await world.open('alice', wideLight);
          const { page } = visit;
          await visit.go('/storage');
          const { bucket } = world.access;
          await page.getByText(`SSE-C is blocked in ${bucket}: uploads there fail.`).waitFor();
          await page.getByText(`sftpgw setup --apply`).first().waitFor();
          await inspect(visit, wideLight, 'storage-blocked');
          await visit.go('/doctor');
          await page.getByRole('button', { name: 'Check again' }).click();
          await page.getByText('sse-c-blocked').first().waitFor();
          await page.getByText('sftpgw setup --allow-sse-c').first().waitFor();
          await inspect(visit, wideLight, 'doctor-failing');
        } finally {
          await block('NONE');
        }
      });

      itOnce('show a secret of a webhook once, and send its messages', async () => {
        await using visit = await world.open('alice', wideLight);
        const { page } = visit;
        const { receiver } = world;
        await visit.go('/webhooks');
        await page.getByRole('button', { name: 'Add a webhook' }).click();
        await page.getByLabel('Label').fill('reports');
        await page.getByLabel('URL').fill(receiver.url);
        await inspect(visit, wideLight, 'webhook-add');
        await page.getByRole('button', { name: 'Add', exact: true }).click();
        await page.locator('[data-secret]', { hasText: /^whsec_/ }).waitFor();
        await page.getByRole('button', { name: 'I have stored it' }).click();
        await page.getByRole('link', { name: 'reports' }).click();
        await page.getByRole('button', { name: 'Send a test' }).click();
        await page.getByText('The receiver accepted the test').waitFor();
        await world.bob.sftpOk('put /etc/hostname /uploads/hooked.txt');
        const row = page.getByRole('row', { name: /bob\/uploads\/hooked.txt.*delivered/ });
        await row.getByRole('button', { name: 'Send again' }).click();
        await eventually('the message arrives twice', () => {
          const own = receiver.accepted.filter(({ text }) => text.includes('hooked.txt'));
          return own.length === new Set(own.map(({ headers }) => headers['webhook-id'])).size * 2;
        });
        expect(await page.content()).not.toContain('whsec_');
        expect(visit.errors).toEqual([]);
      });

      itOnce('invite a person, change the role, and create a token that is shown once', async () => {
        await using visit = await world.open('alice', wideLight);
        const { page } = visit;
        await visit.go('/admins');
        await page.getByRole('button', { name: 'Add a person' }).click();
        await page.getByLabel('Name').fill('carol@example.com');
        await page.getByRole('button', { name: 'Add', exact: true }).click();
        await page.locator('[data-secret]', { hasText: '/welcome#' }).waitFor();
        await inspect(visit, wideLight, 'admin-invited');
        await page.getByRole('button', { name: 'I have stored it' }).click();
        await page.getByRole('link', { name: 'carol@example.com' }).click();
        await page.getByText('is invited, and has not used the link yet').waitFor();
        await page.getByRole('button', { name: 'Change the role' }).click();
        await page.getByRole('combobox', { name: /^Role/ }).selectOption('operator');
        await page.getByRole('dialog').getByRole('button', { name: 'Change the role' }).click();
        await page.locator('dd', { hasText: /^operator$/ }).waitFor();
        await visit.go('/admins?tab=tokens');
        await page.getByRole('button', { name: 'Create a token' }).click();
        await page.getByLabel('Label').fill('deploy');
        await page.getByRole('button', { name: 'Create', exact: true }).click();
        await page.locator('[data-secret]', { hasText: /^sftpgw_/ }).waitFor();
        await page.getByRole('button', { name: 'I have stored it' }).click();
        await page
          .getByRole('row', { name: /deploy/ })
          .getByRole('button', { name: 'Revoke' })
          .click();
        await page.getByRole('button', { name: 'Revoke the token' }).click();
        await page.getByRole('row', { name: /deploy.*revoked/ }).waitFor();
      });

      itOnce(
        'show what a change of settings does before it is saved, and not over that of another',
        async () => {
          await using visit = await world.open('alice', wideLight);
          const { page } = visit;
          await visit.go('/settings?q=mirror.interval');
          await page.getByRole('button', { name: 'mirror.interval' }).click();
          await page.getByLabel('Value').fill('37s');
          await page.getByRole('button', { name: 'Add to the changes' }).click();
          await page.getByRole('button', { name: 'Review and save' }).click();
          const diff = page.getByLabel('Changes of the settings file');
          await diff.getByText('mirror.interval=37s').waitFor();
          await inspect(visit, wideLight, 'settings-review');
          await changeSetting(world, 'webhooks.timeout', '9s');
          await page.getByRole('button', { name: 'Save', exact: true }).click();
          await page.getByText('Another client has changed it').waitFor();
          await page.getByRole('button', { name: 'Try again' }).click();
          await page.getByText('Another client has changed it').waitFor({ state: 'detached' });
          await page.getByRole('button', { name: 'Save', exact: true }).click();
          await page.getByText('Settings saved').waitFor();
          await page.getByRole('row', { name: /mirror\.interval\s*37s.*file/ }).waitFor();
        },
      );

      itOnce('let a second person approve that a key is destroyed', async () => {
        await changeSetting(world, 'console.four.eyes', 'yes');
        const { id } = await world.ask('POST', '/api/keys', { label: 'left over' });
        await using alice = await world.open('alice', wideLight);
        await eventually('the setting takes effect', async () => {
          await alice.go('/approvals');
          return alice.page.getByText('No request waits for a second person.').isVisible();
        });
        await alice.go(`/keys/${id}`);
        await alice.page.getByRole('button', { name: 'Destroy' }).click();
        await alice.page.getByRole('button', { name: 'Prove and destroy' }).click();
        await alice.page.getByRole('link', { name: 'Show the request for approval' }).click();
        await alice.page.getByText('It waits for a second person with the role custodian').waitFor();
        await inspect(alice, wideLight, 'approval');
        expect(await alice.page.getByRole('button', { name: 'Approve' }).count()).toBe(0);

        await using bill = await world.open('bill', narrowDark);
        await bill.go('/approvals');
        await bill.page.getByText('You may decide about 1 of them.').waitFor();
        await bill.page.getByRole('link', { name: /^Destroy the key/ }).click();
        await bill.page.getByRole('button', { name: 'Approve' }).click();
        await bill.page.getByRole('button', { name: 'Approve and run' }).click();
        await bill.page.locator('.job .status', { hasText: 'done' }).waitFor();
        await inspect(bill, narrowDark, 'approval-done');
        await alice.page.locator('.answer', { hasText: 'approved by bill' }).waitFor();
        await alice.go(`/keys/${id}`);
        await alice.page.getByText('Destroyed. Nothing can open what it encrypted.').waitFor();
      });
    },
  );
}

/** Changes a setting as another client would. */
async function changeSetting(world: ConsoleWorld, name: string, value: string): Promise<void> {
  const { headers } = await world.admin.request('GET', '/api/settings');
  const { status } = await world.admin.request('PATCH', '/api/settings', {
    headers: { 'if-match': headers.etag ?? '' },
    body: { values: { [name]: value } },
  });
  expect(status).toBe(200);
}
