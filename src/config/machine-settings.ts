import type { SettingKey } from './settings-table.js';
import { settings } from './settings-table.js';

/**
 * The settings that each machine of a cluster has for itself: its addresses, its way to the database, its processes and
 * the certificate of its console. All others are shared.
 */
const machineKeys: readonly SettingKey[] = [
  'cluster',
  'consoleListen',
  'consoleTlsCert',
  'consoleTlsKey',
  'databaseCaFile',
  'databaseConnections',
  'databasePasswordFile',
  'databaseUrl',
  'eventsListen',
  'metricsListen',
  's3Listen',
  'sftpListen',
  'sftpStdio',
  'workers',
];

/** The names of the settings that each machine of a cluster has for itself. */
export const machineSettings: readonly string[] = machineKeys.map((key) => settings[key].name);
