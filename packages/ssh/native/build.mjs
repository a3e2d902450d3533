/**
 * Builds the add-on for the running Node when a C++ compiler and the headers of this very version are available. Without them
 * the package uses node:crypto, so that nothing here fails an installation.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
/** An argument names another directory: a bundle looks for the add-on in `../native/` beside its own. */
const directory = resolve(process.argv[2] ?? here);
const target = join(directory, 'packet-protection.node');

function skip(reason) {
  console.log(`packet protection uses node:crypto: ${reason}`);
  process.exit(0);
}

function versionOf(include) {
  const path = join(include, 'node_version.h');
  if (!existsSync(path)) return null;
  const text = readFileSync(path, 'utf8');
  const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
  return `v${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}`;
}

const candidates = [
  process.env.npm_config_nodedir && join(process.env.npm_config_nodedir, 'include/node'),
  join(dirname(process.execPath), '../include/node'),
].filter(Boolean);
const include = candidates.find((path) => versionOf(path) === process.version);
if (include === undefined) skip(`headers of Node ${process.version} not found`);

const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean);
const compiler = compilers.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);
if (compiler === undefined) skip('C++ compiler not found');

mkdirSync(directory, { recursive: true });
const temporary = `${target}.${process.pid}`;
const platformFlags = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
const { status, stderr } = spawnSync(
  compiler,
  [
    ...['-std=c++17', '-O2', '-Wall', '-Wextra', '-fPIC', '-shared', '-fvisibility=hidden', ...platformFlags],
    ...['-DNAPI_VERSION=8', '-DNODE_GYP_MODULE_NAME=packet_protection', '-DBUILDING_NODE_EXTENSION'],
    ...['-I', include, join(here, 'packet-protection.cc'), '-o', temporary],
  ],
  { encoding: 'utf8' },
);
if (status !== 0) {
  rmSync(temporary, { force: true });
  skip(`the compiler failed:\n${stderr}`);
}
if (stderr !== '') console.log(stderr);
renameSync(temporary, target);
console.log(`built ${target}`);
