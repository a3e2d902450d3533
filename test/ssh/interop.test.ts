import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cipherAlgorithms } from '../../packages/ssh/algorithms/ciphers.js';
import { hostKeyAlgorithms } from '../../packages/ssh/algorithms/host-key-algorithms.js';
import { kexAlgorithms } from '../../packages/ssh/algorithms/kex-methods.js';
import { macAlgorithms } from '../../packages/ssh/algorithms/macs.js';
import { run, runOk } from '../support/command.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { lacking, openSsh10, programs } from './client-programs.js';
import { openSshOptions } from './client-table.js';
import { allChoices, type Choice, pairwiseChoices } from './pairwise.js';
import { startTestGateway, type TestGateway, testPassword } from './test-gateway.js';

type List = 'kex' | 'cipher' | 'mac' | 'hostKey';
type Lists = Readonly<Record<List, readonly string[]>>;
type Case = Choice<List>;

const skip = embeddedSkip ?? missing('ssh-keygen', 'ssh-keyscan');
const python = '/usr/bin/python3';
/** Each pair of algorithms, or with `SFTPGW_DRILL=full` each combination of four. */
const isFull = process.env['SFTPGW_DRILL'] === 'full';
const timeoutMs = isFull ? 1_800_000 : 300_000;

interface Peer {
  readonly name: string;
  readonly needs: readonly string[];
  /** Returns the algorithms that the client supports. */
  lists(): Promise<Lists>;
  /** Connects once for each case and lists a directory. Returns `ok` or the error for each. */
  attempt(server: TestGateway, cases: readonly Case[]): Promise<readonly string[]>;
}

/** The algorithms of the server; host keys only of the types that the gateway makes. */
function serverLists(server: TestGateway): Lists {
  const names = (table: readonly { readonly name: string }[]) => table.map(({ name }) => name);
  return {
    kex: names(kexAlgorithms),
    cipher: names(cipherAlgorithms),
    mac: names(macAlgorithms),
    hostKey: names(hostKeyAlgorithms.filter(({ keyType }) => server.fingerprints.has(keyType))),
  };
}

async function commonLists(peer: Peer, server: TestGateway): Promise<Lists> {
  const [ours, theirs] = [serverLists(server), await peer.lists()];
  const common = (list: List) => ours[list].filter((name) => theirs[list].includes(name));
  return { kex: common('kex'), cipher: common('cipher'), mac: common('mac'), hostKey: common('hostKey') };
}

function openSsh(name: string, ssh: string, sftp: string): Peer {
  const query = async (list: string) => (await runOk(ssh, ['-Q', list])).stdout.trim().split('\n');
  return {
    name,
    needs: [ssh, sftp],
    lists: async () => ({
      kex: await query('kex'),
      cipher: await query('cipher'),
      mac: await query('mac'),
      hostKey: await query('HostKeyAlgorithms'),
    }),
    attempt: (server, cases) =>
      inParallel(cases, async ({ kex, cipher, mac, hostKey }) => {
        const chosen = [
          `KexAlgorithms=${kex}`,
          `Ciphers=${cipher}`,
          `MACs=${mac}`,
          `HostKeyAlgorithms=${hostKey}`,
        ];
        const options = [...openSshOptions(server), ...chosen.flatMap((option) => ['-o', option])];
        const args = [...options, '-P', String(server.gateway.sftpPort), '-b', '-', 'carol@127.0.0.1'];
        const { code, stderr } = await run(sftp, args, { input: 'ls /\n' });
        return code === 0 ? 'ok' : stderr;
      }),
  };
}

/** A script that prints its lists, and takes cases as lines of JSON. */
function pythonScript(module: string): Peer {
  const script = join(programs, `${module}_cases.py`);
  return {
    name: module,
    needs: [python, `/usr/lib/python3/dist-packages/${module}`],
    lists: async () => JSON.parse((await runOk(python, [script, 'lists'])).stdout) as Lists,
    attempt: async ({ gateway, user }, cases) => {
      const input = cases.map((one) => `${JSON.stringify(one)}\n`).join('');
      const args = [script, String(gateway.sftpPort), 'carol', user.identity];
      return (await runOk(python, args, { input, timeoutMs })).stdout.trim().split('\n');
    },
  };
}

async function inParallel<T, R>(values: readonly T[], call: (value: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = [...values.entries()];
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      results[next[0]] = await call(next[1]);
  };
  await Promise.all([work(), work(), work()]);
  return results;
}

const peers = [
  openSsh('OpenSSH of the host', 'ssh', 'sftp'),
  openSsh('OpenSSH 10', openSsh10.ssh, openSsh10.sftp),
  pythonScript('paramiko'),
  pythonScript('asyncssh'),
];

describe.skipIf(skip !== null)(`pairs of algorithms (${skip ?? 'embedded S3'})`, () => {
  let server: TestGateway;

  beforeAll(async () => {
    server = await startTestGateway();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  for (const peer of peers) {
    const reason = lacking(...peer.needs);
    it.skipIf(reason !== null)(
      `${peer.name} connects with all that it has in common with the gateway${reason ? ` (${reason})` : ''}`,
      async () => {
        const lists = await commonLists(peer, server);
        for (const names of Object.values(lists)) expect(names.length).toBeGreaterThan(1);
        const cases = isFull ? allChoices(lists) : pairwiseChoices(lists);
        const results = await peer.attempt(server, cases);
        const failed = cases.flatMap((one, index) => {
          const result = results[index];
          return result === 'ok' ? [] : [`${Object.values(one).join(' ')}: ${result}`];
        });
        console.log(`${peer.name}: ${cases.length} connections`);
        expect(failed).toEqual([]);
      },
      timeoutMs,
    );
  }

  const noPlink = lacking('plink', 'sftp');
  it.skipIf(noPlink !== null)(
    `PuTTY connects with each key exchange method and host key${noPlink ? ` (${noPlink})` : ''}`,
    async () => {
      const { gateway, fingerprints } = server;
      const keyTypes = { ed25519: 'ssh-ed25519', ecdsa: 'ecdsa-sha2-nistp256', rsa: 'ssh-rsa' };
      // PuTTY names families of methods. It offers all of them, and in batch mode refuses those that stand behind WARN.
      const kexes = ['ecdh', 'dh-gex-sha1', 'dh-group16-sha512', 'dh-group14-sha1'];
      const others = ['dh-group18-sha512', 'dh-group17-sha512', 'dh-group15-sha512', 'ntru-curve25519'];
      const first = (names: readonly string[], name: string) =>
        [name, 'WARN', ...names.filter((other) => other !== name)].join(',');
      const choices = kexes.flatMap((kex) =>
        Object.entries(keyTypes).map(([family, type]) => ({ kex, family, type })),
      );
      const results = await inParallel(choices, async ({ kex, family, type }) => {
        const home = join(gateway.work, `putty-${kex}-${family}`);
        mkdirSync(join(home, '.putty/sessions'), { recursive: true });
        const lists = `KEX=${first([...kexes, ...others, 'rsa', 'dh-group1-sha1'], kex)}\nHostKey=${first([...Object.keys(keyTypes), 'ed448', 'dsa'], family)}`;
        writeFileSync(join(home, '.putty/sessions/test'), `Protocol=ssh\n${lists}\n`);
        const login = ['-P', String(gateway.sftpPort), '-batch', '-pw', `'${testPassword}'`];
        const key = ['-hostkey', fingerprints.get(type) ?? ''];
        const command = ['plink', '-load', 'test', ...login, ...key, '-s', 'carol@127.0.0.1', 'sftp'];
        const { code, stderr } = await run('sftp', ['-D', command.join(' '), '-b', '-'], {
          input: 'ls /\n',
          env: { ...process.env, HOME: home },
        });
        return code === 0 ? 'ok' : `${kex} ${family}: ${stderr}`;
      });
      expect(results.filter((result) => result !== 'ok')).toEqual([]);
      const used = [...gateway.output.matchAll(/"kex":"([^"]+)","hostKey":"([^"]+)"/g)];
      const pairs = new Set(used.slice(-choices.length).map(([, kex, hostKey]) => `${kex} ${hostKey}`));
      expect(pairs.size).toBe(choices.length);
    },
  );
});
