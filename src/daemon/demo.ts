import { appendFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { earlyScribe } from '../assembly/audit.js';
import { createRootKeyring } from '../assembly/keyring.js';
import { LiveSettings } from '../assembly/live-settings.js';
import { createLogger } from '../assembly/logger.js';
import { systemEntropy } from '../assembly/system.js';
import { buildUserServices } from '../assembly/user-services.js';
import { auditedUsers } from '../audit/audited/users.js';
import { ensureDirectory, secretDirectoryMode, secretFileMode, writeFileDurably } from '../files/durable.js';
import { CustomerKey } from '../model/customer-key.js';
import { parseUsername } from '../model/users.js';
import { createSshKeyPair } from '../sftp/ssh-key-pair.js';
import { syncKeySource } from '../users/key-sources.js';
import { userPaths } from '../users/user-paths.js';
import { createUserRegistry } from '../users/user-registry.js';
import type { Gateway } from './assemble.js';

const demo = parseUsername('demo');

/**
 * Creates the demo user at the first start, with keys for uploads and downloads. Returns the lines to print:
 * three commands to paste into a shell in the current directory.
 */
export async function prepareDemo(root: string, gateway: Gateway): Promise<readonly string[]> {
  const settings = await LiveSettings.open(root, true);
  const log = createLogger('warn', process.stderr);
  const scribe = earlyScribe(settings, log);
  const keyring = createRootKeyring(settings, log, scribe);
  const userServices = buildUserServices(settings, keyring, log);
  const registry = auditedUsers(createUserRegistry(userServices), scribe);
  const paths = userPaths(userServices.directories, demo);
  const directory = join(settings.paths.root, 'demo');
  const identity = join(directory, 'id_ed25519');
  if ((await registry.describe(demo)) === null) {
    const pair = createSshKeyPair('demo');
    await ensureDirectory(directory, secretDirectoryMode);
    await writeFileDurably(identity, pair.privateKey, secretFileMode);
    await writeFileDurably(join(directory, 'hello.txt'), 'hello, S3\n', 0o644);
    const uploadKey = CustomerKey.fromBytes(systemEntropy.bytes(32));
    await registry.save(demo, {
      publicKeys: [pair.publicKey],
      uploadOption: 3,
      uploadKey,
      uploadKeyOrigin: 'generated',
      downloads: true,
      shared: true,
    });
    const syncKey = CustomerKey.fromBytes(systemEntropy.bytes(32));
    const downloads = syncKeySource(demo, paths, null);
    await userServices.keys.import(syncKey, downloads, 'generated');
    await userServices.keys.store(syncKey, downloads);
    await appendFile(paths.properties, 'sse.sync.option=3\n');
  }
  return commands({
    gateway,
    root: settings.paths.root,
    directory,
    identity,
    uploadKey: paths.uploadKey,
    syncKey: paths.syncKey,
    link: await gateway.demoLink(),
  });
}

interface DemoPaths {
  readonly gateway: Gateway;
  readonly root: string;
  readonly directory: string;
  readonly identity: string;
  readonly uploadKey: string;
  readonly syncKey: string;
  /** Null without a console. */
  readonly link: string | null;
}

function commands(parts: DemoPaths): readonly string[] {
  const { gateway, root, directory, identity, uploadKey, syncKey, link } = parts;
  const { port } = gateway.sftpAddress;
  const knownHosts = `-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${shown(join(directory, 'known_hosts'))}`;
  const login = `sftp -P ${port} -i ${shown(identity)} -o IdentitiesOnly=yes ${knownHosts}`;
  const environment = `eval "$(node ${shown(mainScript())} env --root ${shown(root)})"`;
  const customerKey = (path: string) =>
    `--sse-customer-algorithm AES256 --sse-customer-key fileb://${shown(path)}`;
  const hello = shown(join(directory, 'hello.txt'));
  return [
    'sftpgw runs with its own S3 server and a user named demo. Paste these commands into another terminal,',
    'in this directory. The second and the third need the AWS command line (aws).',
    '',
    '# 1. Upload a file over SFTP. S3 stores it encrypted with the key of the user demo.',
    `echo "put ${hello} /uploads/" | ${login} demo@127.0.0.1`,
    '',
    '# 2. Fetch it from S3 with that key. Without the key S3 refuses.',
    `${environment} && aws --endpoint-url "$AWS_ENDPOINT_URL" s3api get-object --bucket "$SFTPGW_BUCKET" --key demo/uploads/hello.txt ${customerKey(uploadKey)} hello.back`,
    '',
    '# 3. Put an encrypted file below demo/downloads/ in S3. It appears decrypted in /downloads within seconds.',
    `${environment} && aws --endpoint-url "$AWS_ENDPOINT_URL" s3api put-object --bucket "$SFTPGW_BUCKET" --key demo/downloads/hello.txt --body ${hello} ${customerKey(syncKey)}`,
    '',
    ...(link === null
      ? []
      : ['# See all of it in the browser. The link works once, on this machine.', `open ${link}`, '']),
  ];
}

function mainScript(): string {
  return process.argv[1] ?? 'sftpgw';
}

/** Returns a path relative to this directory if it is below it, quoted if the shell needs that. */
function shown(path: string): string {
  const near = relative(process.cwd(), path);
  const short = near !== '' && !near.startsWith('..') ? near : path;
  return /^[\w./-]+$/.test(short) ? short : `'${short.replaceAll("'", `'\\''`)}'`;
}
