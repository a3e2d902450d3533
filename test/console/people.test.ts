import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TotpSecret } from '../../src/users/logins/totp.js';
import { browserSkip, narrowDark, startBrowser, type View, Visit, wideLight } from '../support/browser.js';
import { consoleUrl, Gateway } from '../support/gateway.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { takePicture } from './pictures.js';

const passphrase = 'correct horse battery staple';
const second = 'another horse with a long name';
const codeMs = 30_000;

describe.skipIf((browserSkip ?? embeddedSkip) !== null)('people at the pages of the console', () => {
  let gateway: Gateway;
  let browser: Browser;
  let origin: string;

  beforeAll(async () => {
    [gateway, browser] = await Promise.all([
      Gateway.start({ s3: null, env: { SFTPGW_CONSOLE_LISTEN: '127.0.0.1:0' } }),
      startBrowser(),
    ]);
    // Browsers offer passkeys at localhost, but not at an IP address.
    origin = `http://localhost:${new URL(await consoleUrl(gateway)).port}`;
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.[Symbol.asyncDispose]();
  });

  /** Opens a window without a login. The browser has a passkey device, which always agrees. */
  async function open(view: View): Promise<Visit> {
    const visit = await Visit.open(browser, origin, view, null);
    await addAuthenticator(await visit.page.context().newCDPSession(visit.page));
    return visit;
  }

  /** Checks the page, and takes its picture. */
  async function inspect(visit: Visit, view: View, name: string): Promise<void> {
    await visit.settle();
    await takePicture(visit, view, name);
    expect([name, await visit.violations(), await visit.overflow(), visit.errors]).toEqual([name, [], 0, []]);
  }

  it('set up an account by a link, and log in with passphrase, code and passkey', async () => {
    await using visit = await open(wideLight);
    const { page } = visit;
    await page.goto('/');
    await page.getByText('There is no admin yet').waitFor();
    const { stdout } = await gateway.cli(['admin', 'init', 'alice']);
    const token = stdout.trim().split('#')[1] ?? '';
    await page.goto(`/welcome#${token}`);
    await page.getByRole('heading', { name: 'Welcome, alice' }).waitFor();
    await inspect(visit, wideLight, 'welcome');
    const secret = await page.locator('main code').first().innerText();
    await page.getByRole('textbox', { name: 'Passphrase' }).fill(passphrase);
    await page.getByLabel('Code of your authenticator').fill('000000');
    await page.getByRole('button', { name: 'Set up and log in' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Code of your authenticator').fill(codeOf(secret));
    await page.getByRole('button', { name: 'Set up and log in' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();

    await page.getByRole('button', { name: 'Account: alice' }).click();
    await page.getByRole('menuitem', { name: /Passphrase/ }).click();
    await page.getByText('You are alice, with the role admin.').waitFor();
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByLabel('Name of the passkey').fill('laptop');
    await page.getByRole('button', { name: 'Continue in the browser' }).click();
    await page.getByRole('cell', { name: 'laptop' }).waitFor();
    await page.getByRole('button', { name: 'Change the passphrase' }).click();
    await page.getByRole('textbox', { name: 'Current passphrase' }).fill(passphrase);
    await page.getByRole('textbox', { name: 'New passphrase' }).fill(second);
    await page.getByRole('button', { name: 'Change', exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await inspect(visit, wideLight, 'account');

    await logOut(page);
    await inspect(visit, wideLight, 'login');
    await page.getByRole('button', { name: 'Log in with a passkey' }).click();
    await page.getByText('You are alice, with the role admin.').waitFor();

    await logOut(page);
    await page.getByRole('textbox', { name: 'Name' }).fill('alice');
    await page.getByRole('textbox', { name: 'Passphrase' }).fill(second);
    await page.getByRole('button', { name: 'Continue' }).click();
    // A code counts once, so this is that of the next half minute.
    await page.getByLabel('Code of your authenticator').fill(codeOf(secret, codeMs));
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await page.getByText('You are alice, with the role admin.').waitFor();
    expect(visit.errors).toEqual([]);
  });

  it('end their other sessions, and keep the last second factor', async () => {
    const { stdout } = await gateway.cli(['admin', 'add', 'carol', '--role', 'viewer']);
    const token = stdout.trim().split('#')[1] ?? '';
    await using visit = await open(narrowDark);
    const { page } = visit;
    await page.goto(`/welcome#${token}`);
    await page.getByRole('textbox', { name: 'Passphrase' }).fill(passphrase);
    await page.getByRole('button', { name: 'Create a passkey and log in' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await using other = await Visit.open(browser, origin, narrowDark, null);
    await other.page.context().addCookies(await page.context().cookies());
    await visit.go('/account');
    await inspect(visit, narrowDark, 'account');
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('button', { name: 'Remove the passkey' }).click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await logOut(page);
    await inspect(visit, narrowDark, 'login');
    // The cookie of the session that has ended opens nothing.
    await other.page.goto('/account');
    await other.page.getByRole('heading', { name: 'Log in' }).waitFor();
  });
});

async function addAuthenticator(session: CDPSession): Promise<void> {
  await session.send('WebAuthn.enable');
  await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
}

function codeOf(secret: string, laterMs = 0): string {
  return TotpSecret.parse(secret).codeAt(Date.now() + laterMs);
}

async function logOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Account:/ }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
}
