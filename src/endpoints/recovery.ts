import Type from 'typebox';
import { wrongField } from '../api/refusal.js';
import { createRecoveryRecords } from '../database/recovery-records.js';
import type { ShareRecord } from '../model/api/recovery-records.js';
import { Fault } from '../model/fault.js';
import { isReady, recoveryStatus } from '../operations/recovery-status.js';
import { maxShares } from '../recovery/shares.js';
import { operation } from './context.js';
import {
  count,
  isoTime,
  isoTimeOrNull,
  numberOrNull,
  strict,
  textOrNull,
  time,
  timeOrNull,
} from './schemas.js';

const group = 'recovery';

const share = Type.Object({
  set: Type.String({ description: 'The id of the split, as `sftpgw key split` prints it.' }),
  number: Type.Integer(),
  of: Type.Integer({ description: 'Shares of the set.' }),
  threshold: Type.Integer({ description: 'Shares that restore the identity.' }),
  holder: Type.String(),
  confirmed: { ...timeOrNull, description: 'When the holder last confirmed that they have it.' },
  confirmedBy: textOrNull,
});

const exampleShare = {
  set: '9b2cf535',
  number: 1,
  of: 3,
  threshold: 2,
  holder: 'Ada, safe in Paris',
  confirmed: '2026-05-01T12:00:00.000Z',
  confirmedBy: 'token deploy',
} as const;

function shareViews(shares: readonly ShareRecord[]) {
  return shares.map(({ confirmedMs, ...one }) => ({
    ...one,
    of: shares.filter(({ set }) => set === one.set).length,
    confirmed: isoTimeOrNull(confirmedMs),
  }));
}

const status = Type.Object({
  isReady: Type.Boolean({
    description: 'Whether a recovery would restore everything that the settings copy.',
  }),
  recipients: Type.Array(Type.String()),
  keys: count,
  recoverableKeys: count,
  copy: Type.Object({
    none: Type.Union([Type.Enum(['off', 'no-recipient', 'no-bucket']), Type.Null()]),
    bucket: textOrNull,
    isCurrent: Type.Boolean(),
    snapshot: numberOrNull,
    signers: Type.Array(Type.String(), {
      description:
        'The signers of the copy: one for each recovery identity that was made here. Without one, the copy is not signed.',
    }),
    completeAt: textOrNull,
    failure: Type.Union([Type.Object({ at: time, text: Type.String() }), Type.Null()]),
  }),
  problems: Type.Array(Type.String()),
  drills: Type.Array(Type.Object({ recipient: Type.String(), proven: time, person: Type.String() }), {
    description: 'The last drill of each recipient, the newest first.',
  }),
  shares: Type.Array(share, { description: 'The holders of the shares of the identity.' }),
});

export const getRecovery = operation({
  id: 'getRecovery',
  group,
  summary: 'Get what could be restored if this machine were lost now.',
  method: 'GET',
  path: '/api/recovery',
  needs: 'viewer',
  answer: status,
  command: 'sftpgw recovery status',
  example: {
    answer: {
      isReady: true,
      recipients: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'],
      keys: 7,
      recoverableKeys: 7,
      copy: {
        none: null,
        bucket: 'my-bucket',
        isCurrent: true,
        snapshot: 12,
        signers: ['9f86d081884c7d65'],
        completeAt: '2026-05-01T12:00:00.000Z',
        failure: null,
      },
      problems: [],
      drills: [
        {
          recipient: 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
          proven: '2026-05-01T12:10:00.000Z',
          person: 'token deploy',
        },
      ],
      shares: [exampleShare],
    },
  },
  handle: async ({ root }) => {
    const found = await recoveryStatus(root);
    const records = createRecoveryRecords(root.database);
    const drills = (await records.drills()).map(({ provenMs, ...drill }) => ({
      ...drill,
      proven: isoTime(provenMs),
    }));
    return { isReady: isReady(found), ...found, drills, shares: shareViews(await records.shares()) };
  },
});

export const copyToBucket = operation({
  id: 'copyToBucket',
  group,
  summary: 'Copy keys, users and settings to the bucket now.',
  method: 'POST',
  path: '/api/recovery/copy',
  needs: 'custodian',
  isIdempotent: true,
  body: Type.Object(
    {
      takeOver: Type.Optional(
        Type.Boolean({ description: 'Continues after the copies of another gateway.' }),
      ),
    },
    strict,
  ),
  answer: Type.Object({
    kind: Type.Enum(['complete', 'off', 'no-recipient', 'no-bucket']),
    snapshot: numberOrNull,
  }),
  command: 'sftpgw recovery copy',
  example: { body: {}, answer: { kind: 'complete', snapshot: 12 } },
  handle: async ({ root }, { body }) => {
    const outcome = await root.bucketCopy.run(root.call, { takeOver: body.takeOver === true });
    return { kind: outcome.kind, snapshot: outcome.kind === 'complete' ? outcome.snapshot : null };
  },
});

const challenge = Type.Object({
  id: Type.String(),
  recipient: Type.String(),
  sealed: Type.String({ description: 'An age file in ASCII armour. `age -d -i IDENTITY` prints the words.' }),
  expires: time,
});

export const beginDrill = operation({
  id: 'beginDrill',
  group,
  summary: 'Begin a drill: get random words, sealed to a recovery recipient.',
  details:
    'The holder opens them offline with the `age` program. The identity is never typed into this machine.',
  method: 'POST',
  path: '/api/recovery/drills',
  needs: 'custodian',
  body: Type.Object({ recipient: Type.Optional(Type.String({ maxLength: 200 })) }, strict),
  status: 201,
  answer: challenge,
  example: {
    body: {},
    answer: {
      id: '2b4d6f785f3a0c1e',
      recipient: 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
      sealed: '-----BEGIN AGE ENCRYPTED FILE-----\n...\n-----END AGE ENCRYPTED FILE-----\n',
      expires: '2026-05-01T13:00:00.000Z',
    },
  },
  handle: async ({ drills }, { body }) => {
    const { expiresMs, ...begun } = await drills.begin(body.recipient ?? null);
    return { ...begun, expires: isoTime(expiresMs) };
  },
});

export const answerDrill = operation({
  id: 'answerDrill',
  group,
  summary: 'Answer a drill with its words, which proves that someone has the identity.',
  method: 'POST',
  path: '/api/recovery/drills/{id}',
  needs: 'custodian',
  isIdempotent: true,
  parameters: Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) }),
  body: Type.Object({ words: Type.String({ minLength: 1, maxLength: 200 }) }, strict),
  answer: Type.Object({ recipient: Type.String(), proven: time }),
  example: {
    parameters: { id: '2b4d6f785f3a0c1e' },
    body: { words: 'abcd efgh ijkm npqr stuv wxyz' },
    answer: {
      recipient: 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
      proven: '2026-05-01T12:10:00.000Z',
    },
  },
  handle: async ({ root, drills }, { parameters, body, person }) => {
    const event = { action: 'recovery.drill' } as const;
    const { recipient, provenMs } = await root.scribe.change(
      event,
      async () => {
        const result = drills.answer(parameters.id, body.words);
        await createRecoveryRecords(root.database).proven({ ...result, person: person.name });
        return result;
      },
      (done) => ({ ...event, target: done.recipient }),
    );
    return { recipient, proven: isoTime(provenMs) };
  },
});

const shareSet = Type.String({
  pattern: '^[0-9a-f]{8}$',
  description: 'The id of the split, as `sftpgw key split` prints it.',
});

export const registerShares = operation({
  id: 'registerShares',
  group,
  summary:
    'Record who holds which share of the recovery identity. The shares themselves stay with their holders.',
  details: 'Replaces the holders of earlier splits. A holder who stays keeps their confirmation.',
  method: 'PUT',
  path: '/api/recovery/shares',
  needs: 'custodian',
  body: Type.Object(
    {
      set: shareSet,
      threshold: Type.Integer({ minimum: 2, maximum: maxShares }),
      holders: Type.Array(Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\r\\n]+$' }), {
        minItems: 2,
        maxItems: maxShares,
        description: 'The holders in the order of the numbers of their shares.',
      }),
    },
    strict,
  ),
  answer: Type.Object({ items: Type.Array(share) }),
  example: {
    body: { set: exampleShare.set, threshold: 2, holders: [exampleShare.holder, 'Bo', 'Cy'] },
    answer: { items: [exampleShare] },
  },
  handle: async ({ root }, { body }) => {
    const { set, threshold, holders } = body;
    if (threshold > holders.length) {
      throw wrongField('/threshold', `is higher than the number of holders, ${holders.length}`);
    }
    const looksLikeShare = holders.findIndex((holder) => /sftpgw-share|age-secret-key/i.test(holder));
    if (looksLikeShare >= 0) {
      throw wrongField(`/holders/${looksLikeShare}`, 'looks like a share: give the name of its holder');
    }
    const records = createRecoveryRecords(root.database);
    const event = { action: 'recovery.shares', target: set, details: { threshold, holders } } as const;
    await root.scribe.change(event, () => records.registerShares({ set, threshold, holders }));
    return { items: shareViews(await records.shares()) };
  },
});

export const confirmShare = operation({
  id: 'confirmShare',
  group,
  summary: 'Record that the holder of a share has confirmed that they still have it.',
  method: 'POST',
  path: '/api/recovery/shares/{set}/{number}/confirm',
  needs: 'custodian',
  isIdempotent: true,
  parameters: Type.Object({ set: shareSet, number: Type.String({ pattern: '^[1-9][0-9]{0,2}$' }) }),
  answer: share,
  example: { parameters: { set: exampleShare.set, number: '1' }, answer: exampleShare },
  handle: async ({ root, clock }, { parameters: { set, number }, person }) => {
    const records = createRecoveryRecords(root.database);
    const event = { action: 'recovery.shares', target: set, details: { confirmed: Number(number) } } as const;
    await root.scribe.change(event, async () => {
      const confirmed = await records.confirmShare(set, Number(number), clock.nowMs(), person.name);
      if (confirmed === null) throw new Fault('not-found', `there is no share ${number} of the set ${set}`);
    });
    const view = shareViews(await records.shares()).find(
      (one) => one.set === set && one.number === Number(number),
    );
    if (view === undefined) throw new Fault('conflict', 'another client has replaced the shares');
    return view;
  },
});
