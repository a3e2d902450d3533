import { nearestName } from '../files/nearest-name.js';
import type { PropertiesDocument, PropertiesProblem } from '../files/properties.js';
import {
  describeSettings,
  environmentVariable,
  type GatewaySettings,
  type Setting,
  type SettingDescription,
  settingKeys,
  settings as table,
} from './settings-table.js';

export type { GatewaySettings, SettingDescription, SettingKey } from './settings-table.js';
export { describeSettings, settingsTable } from './settings-table.js';

/** The environment variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A problem in the settings. With an `error` they are not used; a `notice` is only logged. `text` names the
 * file and line, or the variable.
 */
export interface SettingsProblem {
  readonly severity: 'notice' | 'error';
  readonly text: string;
}

/** The settings from file and environment, and their problems. */
export interface ReadSettings {
  /** The settings, with the default for each one that is missing or invalid. */
  readonly settings: GatewaySettings;
  readonly problems: readonly SettingsProblem[];
}

/**
 * Reads the settings from the file and the environment, which overrides the file. Problems name the
 * file `path`.
 */
export function readSettings(
  document: PropertiesDocument,
  path: string,
  environment: Environment,
  root: string,
): ReadSettings {
  const inFile: PropertiesProblem[] = [...document.problems(), ...unknownNames(document)];
  const problems: SettingsProblem[] = [];
  const values: Record<string, unknown> = {};
  for (const key of settingKeys) {
    const setting: Setting<unknown> = table[key] as Setting<unknown>;
    const found = textOf(setting.name, document, environment);
    const parsed = found === null ? null : setting.kind.parse(found.text);
    values[key] = parsed !== null && 'value' in parsed ? parsed.value : setting.defaultFor(root);
    if (found === null || parsed === null || 'value' in parsed) continue;
    const text = `${found.name} ${parsed.problem}; it is ${JSON.stringify(shownText(setting.kind, found.text))}`;
    if (found.line === null) problems.push({ severity: 'error', text: `environment: ${text}` });
    else inFile.push({ severity: 'error', line: found.line, text });
  }
  const located = inFile
    .sort((a, b) => a.line - b.line)
    .map(({ severity, line, text }) => ({ severity, text: `${path} line ${line}: ${text}` }));
  return { settings: values as unknown as GatewaySettings, problems: [...located, ...problems] };
}

/**
 * Returns the text of a setting from its variable (without a line) or the file. Ignores an empty
 * variable.
 */
function textOf(
  name: string,
  document: PropertiesDocument,
  environment: Environment,
): { readonly text: string; readonly name: string; readonly line: number | null } | null {
  const variable = environmentVariable(name);
  const overriding = environment[variable]?.trim() ?? '';
  if (overriding !== '') return { text: overriding, name: variable, line: null };
  const written = document.get(name)?.trim();
  return written === undefined ? null : { text: written, name, line: document.lineOf(name) };
}

/** The source of a value: the environment overrides the file, and the file the default. */
export type SettingSource = 'default' | 'file' | 'environment';

/** One setting as it is in force. */
export interface SettingState extends SettingDescription {
  readonly value: string;
  readonly source: SettingSource;
}

/** Returns every setting with its present value and source. An invalid value counts as it is written. */
export function settingStates(
  document: PropertiesDocument,
  environment: Environment,
  root: string,
): readonly SettingState[] {
  return describeSettings(root).map((description) => {
    const found = textOf(description.name, document, environment);
    if (found === null) return { ...description, value: description.default, source: 'default' };
    const value = shownText(table[description.key].kind, found.text);
    return { ...description, value, source: found.line === null ? 'environment' : 'file' };
  });
}

function shownText({ shown }: { readonly shown?: (text: string) => string }, text: string): string {
  return shown === undefined ? text : shown(text);
}

function unknownNames(document: PropertiesDocument): readonly PropertiesProblem[] {
  const known = new Set<string>(settingKeys.map((key) => table[key].name));
  const problems: PropertiesProblem[] = [];
  for (const { key, line } of document.entries()) {
    if (known.has(key) || key === '') continue;
    const meant = nearestName(key, known);
    const text = `unknown setting ${JSON.stringify(key)}${meant === null ? '' : `; did you mean ${meant}?`}`;
    problems.push({ severity: 'error', line, text });
  }
  return problems;
}
