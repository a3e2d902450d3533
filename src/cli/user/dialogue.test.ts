import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CustomerKey, parseKeyFingerprint } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import { parseUsername, type UserSummary } from '../../model/users.js';
import { type Exchange, fakeShell, ScriptedPrompter } from '../terminal/testing/fake-shell.js';
import { askAboutUser, askMissing, type DialogueSubject } from './dialogue.js';
import type { UserDraft } from './draft.js';

const directory = mkdtempSync(join(tmpdir(), 'sftpgw-dialogue-'));
afterAll(() => rmSync(directory, { recursive: true }));

const base64 = 'edoodgwH8RR1AO5i6dteIFWtF9HAdbnl0gJc5E78aP0=';
const key = CustomerKey.fromBase64(base64);
const publicKey =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bob@laptop';
writeFileSync(join(directory, 'raw.key'), key.reveal());
writeFileSync(join(directory, 'text.key'), `${base64}\n`);
writeFileSync(join(directory, 'short.key'), key.reveal().subarray(1));

const newUser: DialogueSubject = {
  username: parseUsername('bob'),
  existing: null,
  defaultBucket: 'files',
  findKeyId: async (text) => {
    if (text.startsWith('00')) throw new Fault('not-found', `there is no key "${text}"`);
    return parseKeyFingerprint(text.padEnd(32, '0'));
  },
};
const bob: UserSummary = {
  username: newUser.username,
  uploadOption: 3,
  uploadBucket: 'own-bucket',
  uploadPrefix: 'in/',
  access: null,
  uploadRights: 'all',
  uploadExclusions: [],
  uploadKeyFingerprint: key.fingerprint,
  syncOption: null,
  syncKeyFingerprint: null,
  publicKeyCount: 2,
  publicKeys: [],
  loginMethods: 'publickey password',
  loginFrom: null,
  disabled: false,
  expiresMs: null,
  hasTotp: false,
  canLogIn: true,
  hasPassword: false,
  downloads: true,
  shared: false,
  local: true,
  localLimitBytes: null,
  localFilesLimit: null,
};
const existingUser: DialogueSubject = { ...newUser, existing: bob };

const hiddenKeyQuestion = /base64 .*not shown/;

/** Plays the whole dialogue, and checks that every scripted question was asked. */
async function play(
  script: readonly Exchange[],
  subject = newUser,
): Promise<{ draft: UserDraft; printed: readonly string[] }> {
  const prompter = new ScriptedPrompter(script);
  const draft = await askAboutUser(fakeShell({ workingDirectory: directory }), prompter, subject);
  expect(prompter.unasked).toBe(0);
  return { draft, printed: prompter.printed };
}

const noSshKey: readonly Exchange[] = [
  ['Create an SSH key', ''],
  ['public key', ''],
];
const restAsItIs: readonly Exchange[] = [
  ['Modify?', ''],
  ['Private download directory?', ''],
  ['Shared directory?', ''],
];

describe('the dialogue about a new user', () => {
  it('asks in order: SSH key, encryption, S3 location, downloads, shared', async () => {
    const { draft, printed } = await play([
      ['Create an SSH key for bob? [y/N]', 'n'],
      ['Paste a public key', publicKey],
      ['Option [1]', '4'],
      ['files/bob/uploads/. Modify? [y/N]', 'y'],
      ['Bucket [files]', 'own-bucket'],
      ['Prefix [bob/uploads/]', '/incoming'],
      ['Private download directory? [y/N]', 'y'],
      ['Shared directory? [y/N]', 'n'],
    ]);
    expect(draft).toEqual({
      change: {
        publicKeys: [publicKey],
        uploadOption: 4,
        uploadBucket: 'own-bucket',
        uploadPrefix: 'incoming/',
        downloads: true,
        shared: false,
      },
      createdSshKey: null,
      generatedSseKey: false,
      notes: [],
    });
    expect(printed.join('\n')).not.toContain('5) skip');
  });

  it('selects SSE-S3, the default location and no directories with Enter', async () => {
    const { draft } = await play([...noSshKey, ['Option', ''], ...restAsItIs]);
    expect(draft.change).toEqual({ uploadOption: 1, downloads: false, shared: false });
  });

  it('creates an SSH key and keeps both halves until they are printed', async () => {
    const { draft } = await play([['Create an SSH key', 'y'], ['Option', '1'], ...restAsItIs]);
    expect(draft.createdSshKey?.privateKey).toMatch(/BEGIN OPENSSH PRIVATE KEY/);
    expect(draft.change.publicKeys).toEqual([draft.createdSshKey?.publicKey]);
  });

  it('asks again after a bad answer, with the reason', async () => {
    const { draft, printed } = await play([
      ['Create an SSH key', 'perhaps'],
      ['Create an SSH key', 'n'],
      ['public key', 'no key'],
      ['public key', ''],
      ['Option', '9'],
      ['Option', '5'],
      ['Option', '2'],
      ['ARN', 'arn:aws:s3:::bucket'],
      ['ARN', 'arn:aws:kms:eu-central-1:123456789012:key/abc'],
      ['Modify?', 'y'],
      ['Bucket', 'Not A Bucket'],
      ['Bucket', ''],
      ['Prefix', 'a/../b'],
      ['Prefix', ''],
      ['Private', ''],
      ['Shared', ''],
    ]);
    expect(draft.change).toMatchObject({
      uploadOption: 2,
      kmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/abc',
    });
    expect(draft.change).not.toHaveProperty('uploadBucket');
    expect(draft.change).not.toHaveProperty('uploadPrefix');
    const reasons = printed.join('\n');
    for (const reason of [
      'y or n',
      'not a public key line',
      '1 to 4',
      'no present option',
      'KMS key',
      'name of a bucket',
    ]) {
      expect(reasons).toContain(reason);
    }
  });
});

describe('the SSE-C key', () => {
  const ask = async (...script: Exchange[]) => {
    const { draft, printed } = await play([...noSshKey, ['Option', '3'], ...script, ...restAsItIs]);
    expect(printed.join('\n')).not.toContain(base64);
    return { draft, printed };
  };

  it.each([
    ['pasted in base64', [[hiddenKeyQuestion, `${base64}\n`, 'hidden']]],
    ['a path where the key was asked for', [[hiddenKeyQuestion, './raw.key', 'hidden']]],
    [
      'a file in base64',
      [
        [hiddenKeyQuestion, '', 'hidden'],
        ['Path', 'text.key'],
      ],
    ],
    [
      'a raw file',
      [
        [hiddenKeyQuestion, '', 'hidden'],
        ['Path', 'raw.key'],
      ],
    ],
  ] satisfies [string, Exchange[]][])('may be %s', async (_, script) => {
    const { draft } = await ask(...script);
    expect(draft.change.uploadOption).toBe(3);
    expect(draft.change.uploadKey?.equals(key)).toBe(true);
    expect(draft.generatedSseKey).toBe(false);
  });

  it('is accepted by its id in the keyring', async () => {
    const { draft } = await ask([hiddenKeyQuestion, '0123abcd', 'hidden']);
    expect(draft.change).toMatchObject({ uploadOption: 3, uploadKeyId: '0123abcd'.padEnd(32, '0') });
    expect(draft.change).not.toHaveProperty('uploadKey');
  });

  it.each([
    [
      'by Enter',
      [
        [hiddenKeyQuestion, '', 'hidden'],
        ['Path', ''],
      ],
    ],
    ['by its word', [[hiddenKeyQuestion, 'generate', 'hidden']]],
  ] satisfies [string, Exchange[]][])('is generated, another each time, %s', async (_, script) => {
    const [first, second] = [(await ask(...script)).draft, (await ask(...script)).draft];
    expect(first.generatedSseKey).toBe(true);
    expect(first.change.uploadKey?.fingerprint).not.toBe(second.change.uploadKey?.fingerprint);
  });

  it('is asked again if it is invalid, and the reason does not repeat it', async () => {
    const tooShort = Buffer.alloc(31, 9).toString('base64');
    // Starts with a slash, like one key in 64.
    const likePath = Buffer.alloc(31, 255).fill(253, 0, 1).toString('base64');
    const cutId = '00112233445566778899aabbccddeeff';
    const { draft, printed } = await ask(
      [hiddenKeyQuestion, tooShort, 'hidden'],
      [hiddenKeyQuestion, likePath, 'hidden'],
      [hiddenKeyQuestion, cutId, 'hidden'],
      [hiddenKeyQuestion, 'hunter2', 'hidden'],
      [hiddenKeyQuestion, '/no/such/file', 'hidden'],
      [hiddenKeyQuestion, '', 'hidden'],
      ['Path', 'short.key'],
      ['Path', 'missing.key'],
      ['Path', 'raw.key'],
    );
    expect(draft.change.uploadKey?.equals(key)).toBe(true);
    const reasons = printed.join('\n');
    for (const reason of [
      '31 bytes',
      'not base64',
      'no file of that name',
      'no such key in the keyring',
      'short.key: it has 31',
      'missing.key',
    ]) {
      expect(reasons).toContain(reason);
    }
    expect(likePath).toMatch(/^\//);
    for (const typed of [tooShort, likePath, cutId, 'hunter2', '/no/such/file'])
      expect(reasons).not.toContain(typed);
  });
});

describe('the dialogue about an existing user', () => {
  it('changes nothing with Enter', async () => {
    const { draft } = await play(
      [
        ['Create an SSH key', ''],
        ['keep the 2 existing', ''],
        ['Option [5]', ''],
        ['own-bucket/in/. Modify?', ''],
        ['Private download directory? [Y/n]', ''],
        ['Shared directory? [y/N]', ''],
      ],
      existingUser,
    );
    expect(draft.change).toEqual({ downloads: true, shared: false });
  });

  it('keeps the key after the answer keep', async () => {
    const { draft } = await play(
      [...noSshKey, ['Option', '3'], [hiddenKeyQuestion, 'keep', 'hidden'], ...restAsItIs],
      existingUser,
    );
    expect(draft.change.uploadKey).toBeUndefined();
    expect(draft.change.uploadOption).toBe(3);
  });
});

it('asks only for missing flags', async () => {
  const prompter = new ScriptedPrompter([[hiddenKeyQuestion, base64, 'hidden']]);
  const draft = await askMissing(fakeShell(), prompter, newUser, ['sse-key']);
  expect(draft.change).toEqual({ uploadKey: key });
});
