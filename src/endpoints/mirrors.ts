import Type from 'typebox';
import { Lines } from '../api/description/operation.js';
import { Fault } from '../model/fault.js';
import type { MirrorAction } from '../model/mirror.js';
import type { LiveMirrorStatus, MirrorRunEvent } from '../model/mirror-runs.js';
import { operation } from './context.js';
import { count, numberOrNull, strict, textOrNull } from './schemas.js';

const group = 'mirrors';

/** The status of a prefix, as `sftpgw mirror status --json` prints it. */
const mirrorStatus = Type.Unsafe<LiveMirrorStatus>(
  Type.Object(
    {
      status: Type.Object({
        name: Type.String(),
        bucket: Type.String(),
        prefix: Type.String(),
        directory: Type.String(),
        objects: Type.Number(),
        bytes: Type.Number(),
        lastPass: Type.Unknown(),
        completeMs: Type.Union([Type.Number(), Type.Null()]),
        problemCount: Type.Number(),
        problems: Type.Array(Type.Unknown()),
      }),
      progress: Type.Unknown({ description: 'Progress of the current pass; null between passes.' }),
      waitingEvents: Type.Number(),
      lagMs: Type.Union([Type.Number(), Type.Null()], {
        description: 'Time since the directory was last known to equal S3.',
      }),
      isBehind: Type.Boolean(),
    },
    { description: 'A mirrored prefix.' },
  ),
);

const example: LiveMirrorStatus = {
  status: {
    name: 'downloads/bob',
    bucket: 'my-bucket',
    prefix: 'bob/downloads/',
    directory: '/home/bob/downloads',
    objects: 12,
    bytes: 73400320,
    lastPass: null,
    completeMs: 1777636800000,
    problemCount: 0,
    problems: [],
  },
  progress: null,
  waitingEvents: 0,
  lagMs: 900,
  isBehind: false,
};

export const listMirrors = operation({
  id: 'listMirrors',
  group,
  summary: 'List the mirrored prefixes with their present status.',
  method: 'GET',
  path: '/api/mirrors',
  needs: 'viewer',
  answer: Type.Object({ items: Type.Array(mirrorStatus) }),
  command: 'sftpgw mirror status',
  example: { answer: { items: [example] } },
  handle: async ({ mirror }) => ({ items: await mirror.liveStatus() }),
});

const event = Type.Unsafe<MirrorRunEvent>(
  Type.Union([
    Type.Object({ kind: Type.Literal('progress'), name: Type.String(), progress: Type.Unknown() }),
    Type.Object({ kind: Type.Literal('done'), status: Type.Unknown() }),
  ]),
);

/** Actions in one answer; more are only counted. */
const maxActions = 1000;

export const planMirror = operation({
  id: 'planMirror',
  group,
  summary: 'Show what a pass over a prefix would do now, without doing it.',
  details: 'Lists the prefix in S3 and checks the files on disk.',
  method: 'POST',
  path: '/api/mirrors/plan',
  needs: 'operator',
  isIdempotent: true,
  body: Type.Object(
    { name: Type.String({ maxLength: 1024, description: 'A name such as `downloads/bob`.' }) },
    strict,
  ),
  answer: Type.Object({
    name: Type.String(),
    counts: Type.Record(Type.String(), Type.Integer(), { description: 'Actions by kind.' }),
    bytes: { ...count, description: 'Bytes to fetch.' },
    actions: Type.Array(
      Type.Object({ kind: Type.String(), path: Type.String(), size: numberOrNull, why: textOrNull }),
      { description: `The first ${maxActions} actions.` },
    ),
  }),
  command: 'sftpgw mirror run --dry-run downloads/bob',
  example: {
    body: { name: 'downloads/bob' },
    answer: {
      name: 'downloads/bob',
      counts: { fetch: 1 },
      bytes: 1048576,
      actions: [{ kind: 'fetch', path: 'prices.csv', size: 1048576, why: 'new' }],
    },
  },
  handle: async ({ dryRun }, { body, call }) => {
    const counts: Record<string, number> = {};
    const actions: ReturnType<typeof actionView>[] = [];
    let bytes = 0;
    for await (const batch of dryRun(body.name)) {
      if (call.signal.aborted) throw new Fault('cancelled', 'the client disconnected');
      for (const action of batch) {
        counts[action.kind] = (counts[action.kind] ?? 0) + 1;
        if (action.kind === 'fetch') bytes += action.object.size;
        if (actions.length < maxActions) actions.push(actionView(action));
      }
    }
    return { name: body.name, counts, bytes, actions };
  },
});

function actionView(action: MirrorAction) {
  const { kind } = action;
  if (kind === 'report') {
    const { path, text } = action.problem;
    return { kind, path, size: null, why: text };
  }
  const size = kind === 'fetch' ? action.object.size : kind === 'leave' ? action.size : null;
  return { kind, path: action.path, size, why: kind === 'fetch' ? action.reason : null };
}

export const runMirrors = operation({
  id: 'runMirrors',
  group,
  summary: 'Run one pass over the named prefixes, or over all, and follow it.',
  details: 'The passes continue if the client disconnects. A failure is a last line with the kind `failed`.',
  method: 'POST',
  path: '/api/mirrors/run',
  needs: 'operator',
  isIdempotent: true,
  body: Type.Object(
    {
      names: Type.Union([Type.Array(Type.String({ maxLength: 1024 }), { maxItems: 10_000 }), Type.Null()], {
        description: 'Names such as `downloads/bob`; null for all.',
      }),
    },
    strict,
  ),
  gives: 'lines',
  answer: event,
  command: 'sftpgw mirror run downloads/bob',
  example: { body: { names: null }, answer: { kind: 'done', status: example.status } },
  handle: async ({ mirror }, { body }) =>
    new Lines<MirrorRunEvent>((write) =>
      mirror.run(body.names, (line) => write(line, line.kind !== 'progress')),
    ),
});
