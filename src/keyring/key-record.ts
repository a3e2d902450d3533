import { type KeyFingerprint, parseKeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { KeyDescription, KeyOrigin, KeyOwner, KeyState } from '../model/keyring.js';

/** The content of `KEYID.json`: the description, and the recipients of the sealed file beside it. */
export interface KeyRecord extends Omit<KeyDescription, 'isRecoverable'> {
  /** The age recipients, including the gateway's own. Empty if unknown, and for a destroyed key. */
  readonly sealedTo: readonly string[];
}

/** The file's fields before they are checked. */
type KeyFields = {
  readonly [name in
    | 'format'
    | 'id'
    | 'md5'
    | 'label'
    | 'owner'
    | 'origin'
    | 'created'
    | 'state'
    | 'stateChanged'
    | 'sealedTo'
    | 'kind'
    | 'username']?: unknown;
};

const states: readonly KeyState[] = ['active', 'retired', 'destroyed'];
const origins: readonly KeyOrigin[] = ['generated', 'imported', 'found'];
const format = 1;
/** Maximum length of a label, in UTF-16 code units. */
export const maxLabelLength = 100;

/**
 * Returns the label without surrounding spaces. Throws `invalid` if it is too long or has control
 * characters.
 */
export function parseKeyLabel(text: string): string {
  const label = text.trim();
  if (label.length > maxLabelLength || /\p{C}/u.test(label)) {
    throw new Fault(
      'invalid',
      `a label may have up to ${maxLabelLength} characters and no control characters`,
    );
  }
  return label;
}

/** Returns the text of the file, with times in ISO 8601. */
export function renderKeyRecord(record: KeyRecord): string {
  const { id, md5Base64, label, owner, origin, createdMs, state, stateChangedMs, sealedTo } = record;
  const fields = {
    format,
    id,
    md5: md5Base64,
    label,
    owner,
    origin,
    created: new Date(createdMs).toISOString(),
    state,
    stateChanged: stateChangedMs === null ? null : new Date(stateChangedMs).toISOString(),
    sealedTo,
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

/** Parses the text of the file. Throws `invalid` with the reason. */
export function parseKeyRecord(text: string): KeyRecord {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    throw new Fault('invalid', 'it is not JSON');
  }
  if (!isObject(fields)) throw new Fault('invalid', 'it is not a JSON object');
  if (fields.format !== format) {
    throw new Fault(
      'invalid',
      `its format is ${JSON.stringify(fields.format)}; this version reads ${format}`,
    );
  }
  return {
    id: parseKeyFingerprint(textOf(fields, 'id')),
    md5Base64: textOf(fields, 'md5', /^[A-Za-z0-9+/]{22}==$/),
    label: parseKeyLabel(textOf(fields, 'label')),
    owner: ownerOf(fields.owner),
    origin: oneOf(origins, textOf(fields, 'origin'), 'origin'),
    createdMs: timeOf(fields, 'created'),
    state: oneOf(states, textOf(fields, 'state'), 'state'),
    stateChangedMs: fields.stateChanged === null ? null : timeOf(fields, 'stateChanged'),
    sealedTo: recipientsOf(fields.sealedTo),
  };
}

function ownerOf(value: unknown): KeyOwner {
  if (isObject(value)) {
    if (value.kind === 'user')
      return {
        kind: 'user',
        username: textOf(value, 'username', /^(?:[A-Za-z0-9_.-]{1,32}|(?=.*[@~])[a-z0-9_.@+~-]{1,64})$/),
      };
    if (value.kind === 'shared' || value.kind === 'none') return { kind: value.kind };
  }
  throw new Fault('invalid', 'its owner is not a user, shared or none');
}

function recipientsOf(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((one): one is string => typeof one === 'string')) return value;
  throw new Fault('invalid', 'its sealedTo is not a list of recipients');
}

function textOf(fields: KeyFields, name: keyof KeyFields, form: RegExp | null = null): string {
  const value = fields[name];
  if (typeof value === 'string' && (form === null || form.test(value))) return value;
  throw new Fault('invalid', `its ${name} is missing or malformed`);
}

function timeOf(fields: KeyFields, name: keyof KeyFields): number {
  const time = Date.parse(textOf(fields, name));
  if (Number.isNaN(time)) throw new Fault('invalid', `its ${name} is not a time`);
  return time;
}

function oneOf<T extends string>(values: readonly T[], text: string, name: string): T {
  const found = values.find((value) => value === text);
  if (found === undefined) throw new Fault('invalid', `its ${name} is not one of ${values.join(', ')}`);
  return found;
}

function isObject(value: unknown): value is KeyFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the description of a key. It is recoverable if it is sealed to every one of these recipients. */
export function describeKey({ sealedTo, ...known }: KeyRecord, recovery: readonly string[]): KeyDescription {
  const isRecoverable = recovery.length > 0 && recovery.every((recipient) => sealedTo.includes(recipient));
  return { ...known, isRecoverable };
}

/** Returns the name of a key's sealed file. */
export function sealedFileName(id: KeyFingerprint): string {
  return `${id}.age`;
}

/** Returns the name of a key's description. */
export function recordFileName(id: KeyFingerprint): string {
  return `${id}.json`;
}

/** Returns the key and the kind of file that this name belongs to, or null for any other name. */
export function parseKeyFileName(
  name: string,
): { readonly id: KeyFingerprint; readonly kind: 'sealed' | 'record' } | null {
  const [, id, extension] = /^([0-9a-f]{32})\.(age|json)$/.exec(name) ?? [];
  if (id === undefined) return null;
  return { id: parseKeyFingerprint(id), kind: extension === 'age' ? 'sealed' : 'record' };
}
