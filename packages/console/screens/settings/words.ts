import type { ItemOf } from '../../api/endpoints.js';

export type Setting = ItemOf<'getSettings'>;

/** Changes that are not saved yet: names with their new values; null removes a setting from the file. */
export type Draft = ReadonlyMap<string, string | null>;

/** The source of the value of a setting, in words. */
export const sources: Readonly<Record<Setting['source'], string>> = {
  default: 'default',
  file: 'file',
  environment: 'environment',
};

/** Returns a draft with one more change. The value that a setting has already is none. */
export function withChange(draft: Draft, setting: Setting, value: string | null): Draft {
  const next = new Map(draft);
  const isSame = value === null ? setting.source === 'default' : isInFile(setting) && value === setting.value;
  if (isSame) next.delete(setting.name);
  else next.set(setting.name, value);
  return next;
}

function isInFile({ source }: Setting): boolean {
  return source === 'file';
}

/** Returns the line of the settings file; without a value the default counts. */
export function lineOf({ name, value, source }: Setting): string {
  if (source === 'default') return `# ${name}=${value} (default)`;
  return `${name}=${value}`;
}
