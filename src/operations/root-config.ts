import { commandScribe } from '../assembly/audit.js';
import { createCommandLog } from '../assembly/command-log.js';
import { createRootKeyring, type RootKeyring } from '../assembly/keyring.js';
import { embeddedBucket, LiveSettings } from '../assembly/live-settings.js';
import { openRootSettings } from '../assembly/root-settings.js';
import { buildUserServices } from '../assembly/user-services.js';
import { differences } from '../audit/audited/differences.js';
import { auditedShared, auditedUsers } from '../audit/audited/users.js';
import { changeSettingsFile } from '../config/settings-file.js';
import type { SharedRegistry, UserRegistry } from '../model/users.js';
import { importKeyFiles } from '../users/key-import.js';
import { keyWriters } from '../users/key-writers.js';
import { createSharedRegistry } from '../users/shared-registry.js';
import { createUserRegistry } from '../users/user-registry.js';

/** Settings that `setup` can change; null removes one. */
export interface SetupAnswers {
  readonly bucket?: string | null;
  readonly region?: string | null;
  readonly endpoint?: string | null;
}

/** Environment variables for S3 tools; null for those that are not set. */
export type S3Environment = Readonly<
  Record<
    | 'AWS_ENDPOINT_URL'
    | 'AWS_ACCESS_KEY_ID'
    | 'AWS_SECRET_ACCESS_KEY'
    | 'AWS_DEFAULT_REGION'
    | 'SFTPGW_BUCKET',
    string | null
  >
>;

/**
 * A root as administration commands use it. The gateway may run at the same time and sees changes at its next
 * request.
 */
export interface RootConfig {
  readonly registry: UserRegistry;
  readonly shared: SharedRegistry;
  readonly keyring: RootKeyring;
  /** Imports every raw key file into the keyring. Files that cannot be imported are logged. */
  importKeyFiles(): Promise<void>;
  /** Throws `denied` if the settings require a recovery recipient and none exists. */
  requireRecovery(): Promise<void>;
  /** Returns what the present settings write with each key, by the key's id. */
  keyWriters(): Promise<ReadonlyMap<string, readonly string[]>>;
  defaults(): {
    readonly bucket: string | null;
    readonly region: string | null;
    readonly endpoint: string | null;
  };
  /**
   * Returns the environment that S3 tools need for this root's objects. A value is null if the AWS default
   * chain decides.
   */
  environment(): Promise<S3Environment>;
  /** Writes the settings and returns a summary for people. */
  setup(answers: SetupAnswers): Promise<{ readonly lines: readonly string[] }>;
  close(): Promise<void>;
}

/** Opens a root for administration. Throws as `openSettingsFile`. */
export async function openRootConfig(root: string): Promise<RootConfig> {
  const { settings, embedded: run } = await openRootSettings(root);
  const log = createCommandLog(process.stderr);
  const scribe = commandScribe(settings, log);
  const keyring = createRootKeyring(settings, log, scribe);
  const services = buildUserServices(settings, keyring, log);
  const registry = auditedUsers(createUserRegistry(services), scribe);
  const shared = auditedShared(createSharedRegistry(services), scribe);
  return {
    registry,
    shared,
    keyring,
    importKeyFiles: () => importKeyFiles(services),
    requireRecovery: () => services.keys.requireRecovery(),
    keyWriters: () => keyWriters(registry, shared),
    defaults: () => {
      const { region, endpoint } = settings.current;
      return { bucket: settings.bucket, region, endpoint };
    },
    environment: async () => {
      if (run !== null) {
        // Loaded only here: the other commands need neither S3 nor the SFTP server.
        const { embeddedCredentials } = await import('../assembly/embedded.js');
        const credentials = await embeddedCredentials(settings);
        return {
          AWS_ENDPOINT_URL: run.endpoint,
          AWS_ACCESS_KEY_ID: credentials?.accessKeyId ?? null,
          AWS_SECRET_ACCESS_KEY: credentials?.secretAccessKey ?? null,
          AWS_DEFAULT_REGION: run.region,
          SFTPGW_BUCKET: run.bucket,
        };
      }
      const { region, endpoint } = settings.current;
      return {
        AWS_ENDPOINT_URL: endpoint,
        AWS_ACCESS_KEY_ID: null,
        AWS_SECRET_ACCESS_KEY: null,
        AWS_DEFAULT_REGION: region,
        SFTPGW_BUCKET: settings.bucket,
      };
    },
    setup: async (answers) => {
      const event = { action: 'settings.change', target: 'setup' } as const;
      const { current, paths, bucket } = await scribe.change(
        event,
        async () => {
          await changeSettingsFile(root, answers);
          return await LiveSettings.open(root, false);
        },
        (after) => ({ ...event, details: differences(settings.current, after.current) }),
      );
      return {
        lines: [
          `Settings written to ${paths.propertiesFile}.`,
          `Bucket: ${bucket ?? `not set (the embedded server uses "${embeddedBucket}")`}`,
          `Region: ${current.region ?? 'from the AWS default chain'}`,
          `S3 server: ${current.endpoint ?? 'Amazon'}`,
        ],
      };
    },
    close: async () => undefined,
  };
}
