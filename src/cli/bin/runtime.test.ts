import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { isSupportedNode, minNodeVersion, suppliedNode } from './runtime.js';

describe('the version check', () => {
  it.each([
    ['24.15.0', true],
    ['24.22.3', true],
    ['26.0.0', true],
    ['24.14.9', false],
    ['22.99.0', false],
    ['20.20.2', false],
  ])('judges Node.js %s', (version, isSupported) => expect(isSupportedNode(version)).toBe(isSupported));

  it('agrees with the engines field', async () => {
    const { default: manifest } = await import('../../../package.json', { with: { type: 'json' } });
    expect(manifest.engines.node).toBe(`>=${minNodeVersion.replace(/\.0$/, '')}`);
  });
});

describe('the supplied Node.js', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sftpgw-runtime-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const from = pathToFileURL(join(directory, 'dist/bin/sftpgw.js')).href;

  it('is absent if npm did not install it', () => expect(suppliedNode(from)).toBeNull());

  it('is found beside the program', () => {
    const home = join(directory, 'node_modules', `node-${process.platform}-${process.arch}`);
    mkdirSync(join(home, 'bin'), { recursive: true });
    writeFileSync(join(home, 'package.json'), '{}');
    expect(suppliedNode(from)).toBeNull();
    writeFileSync(join(home, 'bin/node'), '');
    expect(suppliedNode(from)).toBe(join(home, 'bin/node'));
  });
});

describe('a rerun', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sftpgw-rerun-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const loader = new URL('../../../scripts/run-typescript.mjs', import.meta.url).href;
  const runtime = new URL('./runtime.ts', import.meta.url).href;

  /**
   * Runs a script that reruns itself on `other`, a program that stands for the supplied Node.js.
   */
  const rerun = (other: string) => {
    const program = join(directory, 'node');
    writeFileSync(program, `#!${process.execPath}\n${other}\n`);
    chmodSync(program, 0o755);
    const script = join(directory, 'script.mjs');
    writeFileSync(
      script,
      `import { rerunOn } from ${JSON.stringify(runtime)};\nprocess.exitCode = await rerunOn(${JSON.stringify(program)});\n`,
    );
    return spawn(process.execPath, ['--import', loader, script, 'serve', '--root', 'a b'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  };

  it('passes the arguments on and returns the exit code', async () => {
    const child = rerun("console.log(process.argv.slice(5).join('|')); process.exitCode = 7;");
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    const [code] = await once(child, 'close');
    expect(printed).toBe('serve|--root|a b\n');
    expect(code).toBe(7);
  });

  it.each([['SIGTERM'], ['SIGHUP'], ['SIGINT']] as const)('passes %s on', async (signal) => {
    const child = rerun(
      `process.on('${signal}', () => process.exit(9)); setInterval(() => undefined, 1000); console.log('ready');`,
    );
    await once(child.stdout, 'data');
    child.kill(signal);
    const [code] = await once(child, 'close');
    expect(code).toBe(9);
  });
});
