import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../../support/wait.js';
import type { Area, Cell, Outcome, Session } from './cells.js';
import type { Store } from './store.js';

/** The place of one operation: a directory of its own on both sides. */
export interface Place {
  readonly session: Session;
  readonly store: Store;
  readonly area: Area;
  /** Path below the area, without a slash at either end. It exists. */
  readonly remote: string;
  /** Path of an empty directory on this machine. */
  readonly local: string;
}

export interface Operation {
  readonly id: string;
  /** Heading of the column. */
  readonly title: string;
  /** Description of the check, for the page. It has no subject. */
  readonly meaning: string;
  /** Set if the check also runs in /local, because the result may differ there. */
  readonly inLocal?: true;
  check(place: Place): Promise<Cell>;
}

/** More than one part of an upload and more than one packet of every client. */
const largeBytes = 9 * 1024 * 1024 + 17;
const smallBytes = 70_001;
/** Time in which a mounted directory closes a file after the program has, in milliseconds. */
const lateCloseMs = 20_000;
const treeFiles = 200;
/** 2014-05-13 16:53:20 UTC, in seconds since the epoch. */
const oldSeconds = 1_400_000_000;

/** Names that shells, URLs and clients change if they do not quote them. The last two look equal. */
const unusualNames = ['two words', '#1 & 50% + ?', "it's", '-dash', 'emoji 😀', 'é', 'e\u0301'];

const missingSteps: Cell = { kind: 'n/a' };

/** Returns the cell of an outcome that is not done, or null. */
function unless(outcome: Outcome | undefined): Cell | null {
  if (outcome === undefined || outcome.kind === 'absent') return missingSteps;
  return outcome.kind === 'done' ? null : { kind: 'refused', text: outcome.output };
}

const remotePath = ({ area, remote }: Place, name: string) => `/${area}/${remote}/${name}`;

function makeFile(place: Place, name: string, bytes: Uint8Array): string {
  const path = join(place.local, name);
  writeFileSync(path, bytes);
  return path;
}

/** Compares a stored file. If the client closes files late, waits until the file has the bytes. */
async function expectStored(
  { session, store, area, remote }: Place,
  name: string,
  expected: Buffer,
): Promise<void> {
  const read = () => store.read(area, `${remote}/${name}`);
  if (session.closesLate === true) {
    const isStored = async () => (await read())?.equals(expected) ?? false;
    await eventually('the file is stored', isStored, lateCloseMs).catch(() => undefined);
  }
  expectSame(await read(), expected, name);
}

/** Compares without printing megabytes. */
function expectSame(actual: Buffer | null, expected: Buffer, what: string): void {
  expect(actual?.byteLength, `${what}: length`).toBe(expected.byteLength);
  expect(actual?.equals(expected), `${what}: bytes`).toBe(true);
}

async function put(place: Place): Promise<Cell> {
  for (const size of [largeBytes, 0, smallBytes]) {
    const bytes = randomBytes(size);
    const outcome = await place.session.put?.(
      makeFile(place, `put${size}`, bytes),
      remotePath(place, 'sent'),
    );
    const cell = unless(outcome);
    if (cell !== null) return cell;
    await expectStored(place, 'sent', bytes);
  }
  return { kind: 'ok' };
}

async function get(place: Place): Promise<Cell> {
  for (const size of [largeBytes, 0]) {
    const bytes = await place.store.writeRandom(place.area, `${place.remote}/get${size}`, size);
    const path = join(place.local, `got${size}`);
    const cell = unless(await place.session.get?.(remotePath(place, `get${size}`), path));
    if (cell !== null) return cell;
    expectSame(readFileSync(path), bytes, `${size} bytes`);
  }
  return { kind: 'ok' };
}

async function resumePut(place: Place): Promise<Cell> {
  const bytes = randomBytes(largeBytes);
  await place.store.write(place.area, `${place.remote}/half`, bytes.subarray(0, largeBytes / 3));
  const outcome = await place.session.resumePut?.(makeFile(place, 'half', bytes), remotePath(place, 'half'));
  const cell = unless(outcome);
  if (cell !== null) return cell;
  await expectStored(place, 'half', bytes);
  return { kind: 'ok' };
}

async function resumeGet(place: Place): Promise<Cell> {
  const bytes = await place.store.writeRandom(place.area, `${place.remote}/whole`, largeBytes);
  const path = makeFile(place, 'whole', bytes.subarray(0, largeBytes / 3));
  const cell = unless(await place.session.resumeGet?.(remotePath(place, 'whole'), path));
  if (cell !== null) return cell;
  expectSame(readFileSync(path), bytes, 'after resuming');
  return { kind: 'ok' };
}

async function rename(place: Place): Promise<Cell> {
  const { store, area, remote } = place;
  const bytes = await store.writeRandom(area, `${remote}/old`, smallBytes);
  const cell = unless(await place.session.rename?.(remotePath(place, 'old'), remotePath(place, 'new')));
  if (cell?.kind === 'n/a') return cell;
  await expectStored(place, cell === null ? 'new' : 'old', bytes);
  expect(await store.read(area, `${remote}/${cell === null ? 'old' : 'new'}`), 'the other name').toBeNull();
  return cell ?? { kind: 'ok' };
}

async function replace(place: Place): Promise<Cell> {
  const { store, area, remote } = place;
  const newer = await store.writeRandom(area, `${remote}/newer`, smallBytes);
  const older = await store.writeRandom(area, `${remote}/older`, smallBytes);
  const cell = unless(await place.session.replace?.(remotePath(place, 'newer'), remotePath(place, 'older')));
  if (cell?.kind === 'n/a') return cell;
  await expectStored(place, 'older', cell === null ? newer : older);
  if (cell === null) expect(await store.read(area, `${remote}/newer`), 'the source').toBeNull();
  else await expectStored(place, 'newer', newer);
  return cell ?? { kind: 'ok' };
}

async function directories(place: Place): Promise<Cell> {
  const { session, store, area, remote } = place;
  const made = unless(await session.mkdir?.(remotePath(place, 'made')));
  if (made !== null) return made;
  expect(await store.hasDirectory(area, `${remote}/made`), 'after mkdir').toBe(true);
  await store.write(area, `${remote}/made/file`, Buffer.from('x'));
  const full = await session.rmdir?.(remotePath(place, 'made'));
  expect(full?.kind, 'rmdir of a directory with a file').not.toBe('done');
  expect(await store.size(area, `${remote}/made/file`), 'the file in it').toBe(1);
  await store.mkdir(area, `${remote}/empty`);
  const removed = unless(await session.rmdir?.(remotePath(place, 'empty')));
  if (removed !== null) return removed;
  expect(await store.hasDirectory(area, `${remote}/empty`), 'after rmdir').toBe(false);
  return { kind: 'ok' };
}

/** Writes files on three levels and returns their paths below the directory. */
export function makeTree(path: string, files: number): readonly string[] {
  return Array.from({ length: files }, (_, index) => {
    const directory = index % 2 === 0 ? `d${index % 5}/even` : `d${index % 5}`;
    mkdirSync(join(path, directory), { recursive: true });
    const name = `${directory}/file ${index}.txt`;
    writeFileSync(join(path, name), randomBytes(index * 29));
    return name;
  });
}

export function expectSameTree(actual: string, expected: string, names: readonly string[]): void {
  const found = readdirSync(actual, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  expect(found.length).toBe(names.length);
  for (const name of names)
    expectSame(readFileSync(join(actual, name)), readFileSync(join(expected, name)), name);
}

async function tree(place: Place): Promise<Cell> {
  const { session, store, area, remote, local } = place;
  const source = join(local, 'tree');
  const names = makeTree(source, treeFiles);
  const sent = unless(await session.putTree?.(source, remotePath(place, 'tree')));
  if (sent !== null) return sent;
  // One listing, not 200 reads: the download below compares the bytes.
  let stored = await store.sizes(area, `${remote}/tree`);
  if (session.closesLate === true) {
    const isStored = async () => {
      stored = await store.sizes(area, `${remote}/tree`);
      return stored.size === names.length;
    };
    await eventually('the tree is stored', isStored, lateCloseMs).catch(() => undefined);
  }
  expect(stored.size, 'stored files').toBe(names.length);
  for (const name of names) expect(stored.get(name), name).toBe(statSync(join(source, name)).size);
  const back = join(local, 'back');
  const fetched = unless(await session.getTree?.(remotePath(place, 'tree'), back));
  if (fetched !== null) return fetched;
  expectSameTree(back, source, names);
  return { kind: 'ok' };
}

async function times(place: Place): Promise<Cell> {
  const path = makeFile(place, 'dated', randomBytes(smallBytes));
  utimesSync(path, oldSeconds, oldSeconds);
  const cell = unless(await place.session.putTimes?.(path, remotePath(place, 'dated')));
  if (cell !== null) return cell;
  const { seconds } = await place.store.attributes(place.area, `${place.remote}/dated`);
  return seconds === oldSeconds ? { kind: 'ok' } : { kind: 'ignored' };
}

async function chmod(place: Place): Promise<Cell> {
  await place.store.writeRandom(place.area, `${place.remote}/mode`, 1);
  const cell = unless(await place.session.chmod?.('600', remotePath(place, 'mode')));
  if (cell !== null) return cell;
  const { mode } = await place.store.attributes(place.area, `${place.remote}/mode`);
  return mode === 0o600 ? { kind: 'ok' } : { kind: 'ignored' };
}

async function append(place: Place): Promise<Cell> {
  const { session, store, area, remote } = place;
  const head = await store.writeRandom(area, `${remote}/log`, smallBytes);
  const tail = randomBytes(smallBytes);
  const cell = unless(await session.append?.(makeFile(place, 'tail', tail), remotePath(place, 'log')));
  if (cell?.kind === 'n/a') return cell;
  await expectStored(place, 'log', cell === null ? Buffer.concat([head, tail]) : head);
  return cell ?? { kind: 'ok' };
}

async function change(place: Place): Promise<Cell> {
  const { session, store, area, remote } = place;
  const before = await store.writeRandom(area, `${remote}/edited`, smallBytes);
  const outcome = await session.change?.(remotePath(place, 'edited'), '30000', 'changed in the middle');
  const cell = unless(outcome);
  if (cell?.kind === 'n/a') return cell;
  const after = Buffer.from(before);
  after.write('changed in the middle', 30_000);
  await expectStored(place, 'edited', cell === null ? after : before);
  return cell ?? { kind: 'ok' };
}

async function truncate(place: Place): Promise<Cell> {
  const { session, store, area, remote } = place;
  const before = await store.writeRandom(area, `${remote}/cut`, smallBytes);
  const cell = unless(await session.truncate?.(remotePath(place, 'cut'), '30000'));
  if (cell?.kind === 'n/a') return cell;
  const after = cell === null ? before.subarray(0, 30_000) : before;
  await expectStored(place, 'cut', after);
  return cell ?? { kind: 'ok' };
}

async function symlink(place: Place): Promise<Cell> {
  const { session, store, area, remote } = place;
  const bytes = await store.writeRandom(area, `${remote}/target`, smallBytes);
  const cell = unless(await session.symlink?.('target', remotePath(place, 'link')));
  if (cell !== null) return cell;
  expectSame(await store.read(area, `${remote}/link`), bytes, 'through the link');
  expectSame(await store.read(area, `${remote}/target`), bytes, 'the target');
  return { kind: 'ok' };
}

async function df(place: Place): Promise<Cell> {
  const outcome = await place.session.df?.(`/${place.area}/${place.remote}`);
  const cell = unless(outcome);
  if (cell !== null) return cell;
  expect(outcome?.kind === 'done' ? outcome.output : '').toMatch(/\d/);
  return { kind: 'ok' };
}

async function names(place: Place): Promise<Cell> {
  for (const [index, name] of unusualNames.entries()) {
    const bytes = randomBytes(100 + index);
    const sent = unless(await place.session.put?.(makeFile(place, 'plain', bytes), remotePath(place, name)));
    if (sent !== null) return sent;
    await expectStored(place, name, bytes);
    const back = join(place.local, 'plain.back');
    const fetched = unless(await place.session.get?.(remotePath(place, name), back));
    if (fetched !== null) return fetched;
    expectSame(readFileSync(back), bytes, `${name}, fetched`);
  }
  return { kind: 'ok' };
}

async function backUp(place: Place): Promise<Cell> {
  const source = join(place.local, 'data');
  const files = makeTree(source, treeFiles);
  const restored = join(place.local, 'restored');
  const cell = unless(await place.session.backUp?.(source, remotePath(place, 'backup'), restored));
  if (cell !== null) return cell;
  expectSameTree(restored, source, files);
  return { kind: 'ok' };
}

/** The columns of the table. */
export const operations: readonly Operation[] = [
  {
    id: 'put',
    title: 'put',
    meaning: 'uploads 9 MiB, then 0 and 70,001 bytes over the same name',
    check: put,
  },
  { id: 'get', title: 'get', meaning: 'downloads 9 MiB and an empty file', check: get },
  { id: 'resumePut', title: 'resume up', meaning: 'sends the rest of a file of 9 MiB', check: resumePut },
  { id: 'resumeGet', title: 'resume down', meaning: 'fetches the rest of a file of 9 MiB', check: resumeGet },
  { id: 'rename', title: 'rename', meaning: 'renames a file', check: rename },
  { id: 'replace', title: 'rename over', meaning: 'renames a file to a name that exists', check: replace },
  {
    id: 'directories',
    title: 'mkdir, rmdir',
    meaning: 'makes a directory, does not remove one that is not empty, removes an empty one',
    check: directories,
  },
  { id: 'tree', title: 'tree', meaning: 'uploads and downloads 200 files on three levels', check: tree },
  { id: 'times', title: 'times', meaning: 'uploads a file with its time', check: times },
  { id: 'chmod', title: 'chmod', meaning: 'sets the mode 0600', inLocal: true, check: chmod },
  { id: 'append', title: 'append', meaning: 'adds bytes to the end of a file', inLocal: true, check: append },
  {
    id: 'change',
    title: 'change',
    meaning: 'writes 21 bytes into the middle of a file',
    inLocal: true,
    check: change,
  },
  {
    id: 'truncate',
    title: 'truncate',
    meaning: 'cuts a file to 30,000 bytes',
    inLocal: true,
    check: truncate,
  },
  {
    id: 'symlink',
    title: 'symlink',
    meaning: 'makes a symbolic link and reads through it',
    inLocal: true,
    check: symlink,
  },
  { id: 'df', title: 'df', meaning: 'asks for the free space', inLocal: true, check: df },
  {
    id: 'names',
    title: 'names',
    meaning:
      'uploads and downloads names with spaces, quotes, `#&%+?`, a leading dash, emoji, and `é` in both forms',
    check: names,
  },
  {
    id: 'backUp',
    title: 'backup',
    meaning: 'saves 200 files, verifies the stored copy, and restores it',
    check: backUp,
  },
];
