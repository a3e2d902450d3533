import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ensureDirectory, writeFileDurably } from '../files/durable.js';
import { FileCache } from '../files/file-cache.js';
import { PropertiesDocument } from '../files/properties.js';
import { hasCode, isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import { defaultPropertiesText } from './default-properties.js';
import { rootPaths } from './paths.js';
import { type Environment, type ReadSettings, readSettings } from './settings.js';
import { type GatewaySettings, type SettingKey, settingKeys, settings as table } from './settings-table.js';

const maxPropertiesBytes = 1024 * 1024;
/** Everyone may read the global settings, which contain no secrets. */
const publicFileMode = 0o644;
const publicDirectoryMode = 0o755;

/** A change of the file since the last check. */
export interface SettingsReload {
  /** The settings with a new value. */
  readonly changed: readonly SettingKey[];
  /** One sentence per problem, with file and line. */
  readonly problems: readonly string[];
  /** False if the file has an error and the last valid settings stay in force. */
  readonly isTaken: boolean;
}

/** The settings of a running gateway. */
export interface SettingsFile {
  readonly path: string;
  /** The last valid settings. */
  readonly current: GatewaySettings;
  /** Notices about the file at its opening, one sentence each. */
  readonly notices: readonly string[];
  /**
   * Reads the file if it has changed. Returns null, at little cost, if it has not. Returns faults as
   * problems.
   */
  reload(): Promise<SettingsReload | null>;
}

/**
 * Opens the settings below a root. Without a file all have their defaults. Throws `invalid`, naming every
 * invalid line or variable, and `denied` or `unavailable`, naming the file.
 */
export async function openSettingsFile(root: string, environment: Environment): Promise<SettingsFile> {
  const file = new LiveSettingsFile(root, environment);
  await file.open();
  return file;
}

/**
 * Writes settings into the file, and creates it if it does not exist. Keeps comments and order. Null removes
 * a setting. Throws `invalid`, without writing, if the result has an error; `denied` or `unavailable` for the
 * disk.
 */
export async function changeSettingsFile(
  root: string,
  change: Readonly<Partial<Record<SettingKey, string | null>>>,
): Promise<void> {
  const { propertiesFile: path } = rootPaths(root);
  try {
    const document = PropertiesDocument.parse((await readText(path)) ?? defaultPropertiesText(root));
    applyChange(document, change, path, root);
    await makeDirectory(dirname(path));
    await writeFileDurably(path, document.render(), publicFileMode);
  } catch (error) {
    throw fileFault(path, error);
  }
}

type SettingsChange = Readonly<Partial<Record<SettingKey, string | null>>>;

/** Throws `invalid` if the result has an error. */
function applyChange(document: PropertiesDocument, change: SettingsChange, path: string, root: string): void {
  for (const key of settingKeys) {
    const value = change[key];
    if (value === null) document.remove(table[key].name);
    else if (value !== undefined) document.set(table[key].name, value);
  }
  throwErrors(readSettings(document, path, {}, root));
}

/**
 * Returns the document of a root's settings file; an empty one without a file. With a change, returns it as
 * `changeSettingsFile` would write it, without writing it. Faults as `openSettingsFile`.
 */
export async function readSettingsDocument(
  root: string,
  change: SettingsChange | null = null,
): Promise<PropertiesDocument> {
  const { propertiesFile: path } = rootPaths(root);
  try {
    const document = PropertiesDocument.parse((await readText(path)) ?? '');
    if (change !== null) applyChange(document, change, path, root);
    return document;
  } catch (error) {
    throw fileFault(path, error);
  }
}

class LiveSettingsFile implements SettingsFile {
  readonly path: string;
  readonly #root: string;
  readonly #cache: FileCache<ReadSettings>;
  /** The settings without a file. */
  readonly #absent: ReadSettings;
  #seen: ReadSettings;
  #unreadable: string | null = null;
  #current: GatewaySettings;
  #notices: readonly string[] = [];

  constructor(root: string, environment: Environment) {
    this.#root = rootPaths(root).root;
    this.path = rootPaths(root).propertiesFile;
    const read = (text: string): ReadSettings =>
      readSettings(PropertiesDocument.parse(text), this.path, environment, this.#root);
    this.#cache = new FileCache<ReadSettings>(maxPropertiesBytes, ({ bytes }) => {
      const text = decode(bytes);
      if (text !== null) return read(text);
      return {
        ...read(''),
        problems: [{ severity: 'error', text: `${this.path} line 1: the file is not valid UTF-8` }],
      };
    });
    this.#absent = read('');
    this.#seen = this.#absent;
    this.#current = this.#absent.settings;
  }

  get current(): GatewaySettings {
    return this.#current;
  }

  get notices(): readonly string[] {
    return this.#notices;
  }

  async open(): Promise<void> {
    try {
      this.#seen = (await this.#cache.read(this.path)) ?? this.#absent;
    } catch (error) {
      throw fileFault(this.path, error);
    }
    throwErrors(this.#seen);
    this.#current = this.#seen.settings;
    this.#notices = this.#seen.problems.map((problem) => problem.text);
  }

  async reload(): Promise<SettingsReload | null> {
    let read: ReadSettings;
    try {
      read = (await this.#cache.read(this.path)) ?? this.#absent;
    } catch (error) {
      const { hint } = fileFault(this.path, error);
      if (this.#unreadable === hint) return null;
      this.#unreadable = hint;
      return { changed: [], problems: [hint], isTaken: false };
    }
    if (read === this.#seen && this.#unreadable === null) return null;
    this.#unreadable = null;
    this.#seen = read;
    const problems = read.problems.map((problem) => problem.text);
    if (read.problems.some((problem) => problem.severity === 'error'))
      return { changed: [], problems, isTaken: false };
    const before = this.#current;
    this.#current = read.settings;
    const changed = settingKeys.filter(
      (key) => JSON.stringify(before[key]) !== JSON.stringify(read.settings[key]),
    );
    return { changed, problems, isTaken: true };
  }
}

function throwErrors({ problems }: ReadSettings): void {
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length > 0) throw new Fault('invalid', errors.map((problem) => problem.text).join('; '));
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await stat(path);
  } catch (error) {
    if (!isAbsence(error)) throw error;
    await ensureDirectory(path, publicDirectoryMode);
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    const text = decode(await readFile(path));
    if (text === null) throw new Fault('invalid', `${path} line 1: the file is not valid UTF-8`);
    return text;
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function fileFault(path: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const cause = { cause: error };
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) {
    return new Fault('denied', `${path}: permission denied; check its owner and permissions`, cause);
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return new Fault('unavailable', `${path} cannot be read or written: ${code}`, cause);
}
