import Type from 'typebox';
import { Reply } from '../api/description/operation.js';
import { wrongField } from '../api/refusal.js';
import { isLiveSetting } from '../assembly/live-settings.js';
import { type SettingKey, settingStates } from '../config/settings.js';
import { changeSettingsFile, readSettingsDocument } from '../config/settings-file.js';
import { Fault } from '../model/fault.js';
import { type ApiContext, operation, requireVersion, versionOf } from './context.js';
import { strict } from './schemas.js';

const group = 'settings';

const setting = Type.Object({
  name: Type.String(),
  value: Type.String(),
  source: Type.Enum(['default', 'file', 'environment']),
  default: Type.String(),
  form: Type.String({ description: 'The form of a value, with its unit and bounds.' }),
  description: Type.String(),
  environmentVariable: Type.String({ description: 'The variable that overrides the file.' }),
  takesEffect: Type.Enum(['at once', 'after a restart']),
});
const list = Type.Object({ items: Type.Array(setting) });

const example = {
  items: [
    {
      name: 'mirror.interval',
      value: '10s',
      source: 'default',
      default: '10s',
      form: 'duration, 100ms to 1d',
      description: 'How often the gateway checks S3 for changes.',
      environmentVariable: 'SFTPGW_MIRROR_INTERVAL',
      takesEffect: 'at once',
    },
  ],
} as const;

/** Returns the settings as they are, or as they would be after a change. Throws `invalid`. */
async function statesOf(
  { root }: ApiContext,
  change: Partial<Record<SettingKey, string | null>> | null = null,
) {
  const { paths } = root.settings;
  const document = await readSettingsDocument(paths.root, change);
  const states = settingStates(document, process.env, paths.root);
  return {
    keys: new Map<string, SettingKey>(states.map(({ name, key }) => [name, key])),
    view: {
      items: states.map(({ key, ...state }) => ({
        ...state,
        takesEffect: isLiveSetting(key) ? ('at once' as const) : ('after a restart' as const),
      })),
    },
  };
}

export const getSettings = operation({
  id: 'getSettings',
  group,
  summary: 'Get all global settings, each with its source and when a change takes effect.',
  method: 'GET',
  path: '/api/settings',
  needs: 'viewer',
  answer: list,
  example: { answer: example },
  handle: async (context) => {
    const { view } = await statesOf(context);
    return new Reply(view, versionOf(view));
  },
});

export const changeSettings = operation({
  id: 'changeSettings',
  group,
  summary: 'Change settings in the file. A value of null removes the setting, so that its default counts.',
  method: 'PATCH',
  path: '/api/settings',
  needs: 'admin',
  needsIfMatch: true,
  fourEyes: {
    requests: 'a change of the settings of the console, which include this one',
    summary: ({ body: { values } }) => {
      const names = Object.keys(values).filter((name) => name.startsWith('console.'));
      return names.length === 0 ? null : `change the settings ${names.join(', ')}`;
    },
  },
  body: Type.Object(
    {
      values: Type.Record(
        Type.String({ maxLength: 100 }),
        Type.Union([Type.String({ maxLength: 4096 }), Type.Null()]),
        {
          minProperties: 1,
          maxProperties: 100,
        },
      ),
      dryRun: Type.Optional(
        Type.Boolean({ description: 'Checks the values and answers with the result, but writes nothing.' }),
      ),
    },
    strict,
  ),
  answer: list,
  command: 'sftpgw setup --bucket my-bucket',
  example: { body: { values: { 'mirror.interval': '10s' } }, answer: example },
  handle: (context, { body, ifMatch }) =>
    context.changes.runExclusive(['settings'], async () => {
      const { root } = context.root.settings.paths;
      const { keys, view } = await statesOf(context);
      requireVersion(ifMatch, view);
      const change: Partial<Record<SettingKey, string | null>> = {};
      for (const [name, value] of Object.entries(body.values)) {
        const key = keys.get(name);
        if (key === undefined) throw wrongField(`/values/${name}`, 'is not a setting');
        change[key] = value;
      }
      try {
        if (body.dryRun === true) {
          const checked = await statesOf(context, change);
          return new Reply(checked.view, versionOf(view));
        }
        await context.root.scribe.change(
          {
            action: 'settings.change',
            target: context.root.settings.paths.propertiesFile,
            details: { names: Object.keys(body.values) },
          },
          () => changeSettingsFile(root, change),
        );
      } catch (error) {
        const fault = Fault.from(error);
        throw fault.kind === 'invalid' ? wrongField('/values', fault.hint) : fault;
      }
      const after = (await statesOf(context)).view;
      return new Reply(after, versionOf(after));
    }),
});
