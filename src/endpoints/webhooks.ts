import Type from 'typebox';
import { decodeCursor, defaultPageSize, encodeCursor, pageOf, pageQuery } from '../api/description/page.js';
import {
  deliveryStates,
  type WebhookDelivery,
  type WebhookEndpoint,
  type WebhookStatus,
} from '../model/api/webhooks.js';
import { webhooksOf } from '../operations/webhooks.js';
import { operation } from './context.js';
import { count, isoTime, isoTimeOrNull, strict, textOrNull, time, timeOrNull } from './schemas.js';

const group = 'webhooks';
const day = 24 * 3600;
/** Entries of each list of a filter. */
const maxEntries = 64;

const texts = (description: string, maxLength: number) =>
  Type.Array(Type.String({ minLength: 1, maxLength }), { maxItems: maxEntries, description });

const filter = {
  events: texts('Types of events, or groups such as `upload.*`. Empty: all.', 64),
  users: texts('Names of SFTP users. Empty: all, and events without a user.', 64),
  prefixes: texts('Beginnings of object keys. Empty: all, and events without an object.', 1024),
};

const endpointFields = {
  id: Type.String(),
  label: Type.String(),
  url: Type.String(),
  filter: Type.Object(filter),
  createdBy: Type.String(),
  created: time,
  secretFrom: time,
  overlapUntil: timeOrNull,
};
const endpoint = Type.Object(endpointFields);
const status = Type.Object({
  ...endpointFields,
  pending: count,
  dead: count,
  behind: Type.Integer({ minimum: 0, description: 'Events of the audit trail that are not considered yet.' }),
  lastDelivered: timeOrNull,
});

const delivery = Type.Object({
  id: Type.Integer(),
  messageId: Type.String({ description: 'The header webhook-id.' }),
  auditSeq: Type.Integer(),
  type: Type.String(),
  subject: textOrNull,
  state: Type.Enum([...deliveryStates]),
  attempts: count,
  created: time,
  updated: time,
  next: timeOrNull,
  status: Type.Union([Type.Integer(), Type.Null()]),
  error: textOrNull,
});

const endpointExample = {
  id: '9a41c03f5f3a0c1e',
  label: 'billing',
  url: 'https://hooks.example.com/sftp',
  filter: { events: ['upload.*'], users: [], prefixes: [] },
  createdBy: 'uid 0',
  created: '2026-05-01T12:00:00.000Z',
  secretFrom: '2026-05-01T12:00:00.000Z',
  overlapUntil: null,
};
const statusExample = {
  ...endpointExample,
  pending: 0,
  dead: 2,
  behind: 0,
  lastDelivered: '2026-05-01T12:30:00.000Z',
};
const parametersExample = { id: endpointExample.id };
const secretExample = 'whsec_EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE12=';

const parameters = Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{16}$' }) });
const withSecret = Type.Object({
  webhook: endpoint,
  secret: Type.String({ description: 'The secret that signs messages. It cannot be read again.' }),
});

function view({ createdMs, secretFromMs, overlapUntilMs, ...rest }: WebhookEndpoint) {
  return {
    ...rest,
    created: isoTime(createdMs),
    secretFrom: isoTime(secretFromMs),
    overlapUntil: isoTimeOrNull(overlapUntilMs),
  };
}

function statusView({ lastDeliveredMs, ...rest }: WebhookStatus) {
  const { pending, dead, behind } = rest;
  return { ...view(rest), pending, dead, behind, lastDelivered: isoTimeOrNull(lastDeliveredMs) };
}

function deliveryView(one: WebhookDelivery) {
  const { id, messageId, auditSeq, type, subject, state, attempts, status: answer, error } = one;
  return {
    ...{ id, messageId, auditSeq, type, subject, state, attempts, status: answer, error },
    created: isoTime(one.createdMs),
    updated: isoTime(one.updatedMs),
    next: state === 'pending' ? isoTime(one.nextMs) : null,
  };
}

export const listWebhooks = operation({
  id: 'listWebhooks',
  group,
  summary: 'List the webhooks with their pending and dead messages, the oldest first.',
  method: 'GET',
  path: '/api/webhooks',
  needs: 'operator',
  answer: Type.Object({ items: Type.Array(status) }),
  command: 'sftpgw webhook list',
  example: { answer: { items: [statusExample] } },
  handle: async ({ root }) => ({ items: (await webhooksOf(root).list()).map(statusView) }),
});

export const addWebhook = operation({
  id: 'addWebhook',
  group,
  summary: 'Add a webhook, which gets the events from now on. The answer has its secret.',
  method: 'POST',
  path: '/api/webhooks',
  needs: 'admin',
  hasSecretAnswer: true,
  body: Type.Object(
    {
      label: Type.String({ minLength: 1, maxLength: 100 }),
      url: Type.String({ minLength: 1, maxLength: 2048 }),
      filter: Type.Optional(Type.Partial(Type.Object(filter, strict))),
    },
    strict,
  ),
  status: 201,
  answer: withSecret,
  command: "sftpgw webhook add https://hooks.example.com/sftp --label billing --event 'upload.*'",
  example: {
    body: {
      label: endpointExample.label,
      url: endpointExample.url,
      filter: { events: ['upload.*'] },
    },
    answer: { webhook: endpointExample, secret: secretExample },
  },
  handle: async ({ root }, { body, person }) => {
    const { label, url } = body;
    const all = { events: [], users: [], prefixes: [], ...body.filter };
    const added = await webhooksOf(root).add({ label, url, filter: all, createdBy: person.name });
    return { webhook: view(added.endpoint), secret: added.secret };
  },
});

export const getWebhook = operation({
  id: 'getWebhook',
  group,
  summary: 'Get a webhook.',
  method: 'GET',
  path: '/api/webhooks/{id}',
  needs: 'operator',
  parameters,
  answer: status,
  example: { parameters: parametersExample, answer: statusExample },
  handle: async ({ root }, { parameters: { id } }) => statusView(await webhooksOf(root).get(id)),
});

export const removeWebhook = operation({
  id: 'removeWebhook',
  group,
  summary: 'Remove a webhook with its messages.',
  method: 'DELETE',
  path: '/api/webhooks/{id}',
  needs: 'admin',
  parameters,
  answer: endpoint,
  command: 'sftpgw webhook remove 9a41c03f5f3a0c1e',
  example: { parameters: parametersExample, answer: endpointExample },
  handle: async ({ root }, { parameters: { id } }) => view(await webhooksOf(root).remove(id)),
});

export const rotateWebhookSecret = operation({
  id: 'rotateWebhookSecret',
  group,
  summary: 'Generate another secret. During the overlap, messages are signed with both.',
  method: 'POST',
  path: '/api/webhooks/{id}/secret',
  needs: 'admin',
  hasSecretAnswer: true,
  parameters,
  body: Type.Object({ overlapSeconds: Type.Integer({ minimum: 0, maximum: 30 * day }) }, strict),
  answer: withSecret,
  command: 'sftpgw webhook rotate 9a41c03f5f3a0c1e --overlap 1d',
  example: {
    parameters: parametersExample,
    body: { overlapSeconds: day },
    answer: {
      webhook: { ...endpointExample, overlapUntil: '2026-05-02T12:00:00.000Z' },
      secret: secretExample,
    },
  },
  handle: async ({ root }, { parameters: { id }, body }) => {
    const rotated = await webhooksOf(root).rotateSecret(id, body.overlapSeconds * 1000);
    return { webhook: view(rotated.endpoint), secret: rotated.secret };
  },
});

export const testWebhook = operation({
  id: 'testWebhook',
  group,
  summary: 'Send a message of the type `webhook.test`, and wait for the result.',
  method: 'POST',
  path: '/api/webhooks/{id}/test',
  needs: 'operator',
  isIdempotent: true,
  parameters,
  answer: Type.Object({
    status: Type.Union([Type.Integer(), Type.Null()], { description: 'Null without an answer.' }),
    error: Type.Union([Type.String(), Type.Null()], { description: 'Null if the message was accepted.' }),
    seconds: Type.Number(),
  }),
  command: 'sftpgw webhook test 9a41c03f5f3a0c1e',
  example: { parameters: parametersExample, answer: { status: 200, error: null, seconds: 0.12 } },
  handle: async ({ root }, { parameters: { id } }) => {
    const { status: answer, error, seconds } = await webhooksOf(root).test(id);
    return { status: answer, error, seconds };
  },
});

export const listWebhookDeliveries = operation({
  id: 'listWebhookDeliveries',
  group,
  summary: 'List the messages to a webhook, the newest first.',
  method: 'GET',
  path: '/api/webhooks/{id}/deliveries',
  needs: 'operator',
  parameters,
  query: Type.Object({ ...pageQuery, state: Type.Optional(Type.Enum([...deliveryStates])) }, strict),
  answer: pageOf(delivery),
  command: 'sftpgw webhook deliveries 9a41c03f5f3a0c1e --state dead',
  example: {
    parameters: parametersExample,
    query: { state: 'dead' },
    answer: {
      items: [
        {
          id: 7,
          messageId: 'evt_mzIaN8PcXr0bqRrBvY4nOZkq6M1p7hQ2tW5eKd9sLf0',
          auditSeq: 42,
          type: 'upload.finished',
          subject: 's3://my-bucket/bob/uploads/report.pdf',
          state: 'dead',
          attempts: 441,
          created: '2026-05-01T12:00:00.000Z',
          updated: '2026-05-04T12:00:01.000Z',
          next: null,
          status: 500,
          error: 'status 500',
        },
      ],
      next: null,
    },
  },
  handle: async ({ root }, { parameters: { id }, query }) => {
    const { limit = defaultPageSize, cursor, state } = query;
    const before = decodeCursor(cursor, 1)?.[0];
    const found = await webhooksOf(root).deliveries(id, {
      limit: limit + 1,
      ...(state === undefined ? {} : { state }),
      ...(before === undefined ? {} : { before: Number(before) }),
    });
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const next = found.length > limit && last !== undefined ? encodeCursor([last.id]) : null;
    return { items: items.map(deliveryView), next };
  },
});

const queued = Type.Object({ queued: count });

export const resendWebhookMessage = operation({
  id: 'resendWebhookMessage',
  group,
  summary: 'Send a message again that was delivered or given up.',
  method: 'POST',
  path: '/api/webhooks/{id}/deliveries/{delivery}/resend',
  needs: 'operator',
  isIdempotent: true,
  parameters: Type.Object({
    id: parameters.properties.id,
    delivery: Type.String({ pattern: '^[0-9]{1,15}$' }),
  }),
  answer: queued,
  command: 'sftpgw webhook resend 9a41c03f5f3a0c1e --delivery 7',
  example: { parameters: { ...parametersExample, delivery: '7' }, answer: { queued: 1 } },
  handle: async ({ root }, { parameters: { id, delivery: number } }) => ({
    queued: await webhooksOf(root).resend(id, Number(number)),
  }),
});

export const resendDeadWebhookMessages = operation({
  id: 'resendDeadWebhookMessages',
  group,
  summary: 'Send the messages again that were given up, up to 1,000 of the oldest.',
  method: 'POST',
  path: '/api/webhooks/{id}/resend',
  needs: 'operator',
  isIdempotent: true,
  parameters,
  answer: queued,
  command: 'sftpgw webhook resend 9a41c03f5f3a0c1e',
  example: { parameters: parametersExample, answer: { queued: 2 } },
  handle: async ({ root }, { parameters: { id } }) => ({ queued: await webhooksOf(root).resend(id, null) }),
});
