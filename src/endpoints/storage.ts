import Type from 'typebox';
import { planProvision } from '../operations/provision.js';
import { bucketStates } from '../operations/state/bucket-state.js';
import { operation } from './context.js';
import { strict, textOrNull } from './schemas.js';

const group = 'storage';

const gatewayPrincipal = Type.Optional(
  Type.String({ maxLength: 2048, pattern: '^arn:[a-z-]+:(iam|sts):[^:]*:[^:]*:.+$' }),
);

const policyStatement = Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]);

export const listBuckets = operation({
  id: 'listBuckets',
  group,
  summary:
    'List the buckets of the present users with their settings in S3, and what `sftpgw setup --apply` changes.',
  details: 'Asks S3. A setting that cannot be read is unknown, and `problems` has the reason.',
  method: 'GET',
  path: '/api/storage/buckets',
  needs: 'viewer',
  query: Type.Object({ gatewayPrincipal }, strict),
  answer: Type.Object({
    items: Type.Array(
      Type.Object({
        bucket: Type.String(),
        sseC: Type.Enum(['allowed', 'blocked', 'unknown'], {
          description: 'Whether the bucket accepts customer keys.',
        }),
        versioning: Type.Enum(['never', 'enabled', 'suspended', 'unknown']),
        lifecycle: Type.Union([
          Type.Object({ abortsIncompleteUploads: Type.Boolean(), expiresOlderVersions: Type.Boolean() }),
          Type.Null(),
        ]),
        locksNewObjects: Type.Union([Type.Boolean(), Type.Null()]),
        policy: Type.Object({
          readable: Type.Boolean(),
          statements: Type.Array(
            Type.Object({
              sid: textOrNull,
              change: Type.Enum(['same', 'added', 'changed', 'removed']),
              now: policyStatement,
              after: policyStatement,
            }),
          ),
        }),
        problems: Type.Array(Type.String()),
        command: Type.String(),
      }),
    ),
  }),
  command: 'sftpgw setup --policies',
  example: {
    answer: {
      items: [
        {
          bucket: 'my-bucket',
          sseC: 'allowed',
          versioning: 'enabled',
          lifecycle: { abortsIncompleteUploads: true, expiresOlderVersions: false },
          locksNewObjects: false,
          policy: {
            readable: true,
            statements: [
              {
                sid: 'SftpgwRequireCustomerKey',
                change: 'added',
                now: null,
                after: { Sid: 'SftpgwRequireCustomerKey', Effect: 'Deny' },
              },
            ],
          },
          problems: [],
          command: 'sftpgw setup --apply',
        },
      ],
    },
  },
  handle: async ({ root }, { query }) => {
    const gateway = query.gatewayPrincipal ?? null;
    const states = await bucketStates(root, { gateway, others: [] });
    const command = `sftpgw setup --apply${gateway === null ? '' : ` --gateway-principal ${gateway}`}`;
    return {
      items: states.map(({ policy, ...state }) => ({
        ...state,
        policy: { readable: policy !== null, statements: policy ?? [] },
        command,
      })),
    };
  },
});

const statement = Type.Record(Type.String(), Type.Unknown());

export const getStoragePlan = operation({
  id: 'getStoragePlan',
  group,
  summary: 'Get the policies and bucket settings that the present users need.',
  details: 'Sends no request to S3. `sftpgw setup --apply` applies the plan.',
  method: 'GET',
  path: '/api/storage/plan',
  needs: 'viewer',
  query: Type.Object(
    {
      gatewayPrincipal,
      unfinishedDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 365 })),
    },
    strict,
  ),
  answer: Type.Object({
    rolePolicy: Type.Object({ Version: Type.String(), Statement: Type.Array(statement) }),
    buckets: Type.Array(
      Type.Object({
        bucket: Type.String(),
        statements: Type.Array(statement),
        allowsSseC: Type.Boolean(),
        unfinishedDays: Type.Integer(),
      }),
    ),
    notes: Type.Array(Type.String()),
  }),
  command: 'sftpgw setup --policies --json',
  example: {
    query: { unfinishedDays: 7 },
    answer: {
      rolePolicy: {
        Version: '2012-10-17',
        Statement: [
          {
            Sid: 'SftpgwBuckets',
            Effect: 'Allow',
            Action: ['s3:ListBucket'],
            Resource: ['arn:aws:s3:::my-bucket'],
          },
        ],
      },
      buckets: [{ bucket: 'my-bucket', statements: [], allowsSseC: true, unfinishedDays: 7 }],
      notes: [],
    },
  },
  handle: async ({ root }, { query }) => {
    const writers = { gateway: query.gatewayPrincipal ?? null, others: [] };
    const plan = await planProvision(root, { writers, unfinishedDays: query.unfinishedDays ?? 7 });
    const plain = (one: object) => ({ ...one }) as Readonly<Record<string, unknown>>;
    return {
      rolePolicy: { Version: plan.rolePolicy.Version, Statement: plan.rolePolicy.Statement.map(plain) },
      buckets: plan.buckets.map((one) => ({ ...one, statements: one.statements.map(plain) })),
      notes: plan.notes,
    };
  },
});
