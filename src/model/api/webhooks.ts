/**
 * The types of events that webhooks send, a closed set, each with its meaning. docs/WEBHOOKS.md has an example
 * of each.
 */
export const webhookTypes = {
  'upload.finished': 'An uploaded file is complete: its object is in S3, verified and in the ledger.',
  'upload.failed': 'An upload has failed, or its client has not closed it.',
  'download.finished': 'A file that was read is closed.',
  'download.failed': 'A file cannot be read, or its client disconnected before it closed the file.',
  'login.refused': 'A connection or a login is refused.',
  'key.generated': 'A key is generated.',
  'key.imported': 'A key is imported, or found in a raw key file.',
  'key.retired': 'A key is retired.',
  'key.destroyed': 'A key is destroyed.',
  'key.failed': 'A change of a key or a rotation has failed.',
  'rotation.started': 'A rotation of a user’s key begins.',
  'rotation.finished': 'A rotation of a user’s key is complete.',
  'recovery.recipient': 'A recovery recipient is added.',
  'recovery.adopted': 'A keyring is adopted from another machine.',
  'recovery.copied': 'A copy of keys, users and settings is in the bucket.',
  'recovery.restored': 'A root is restored from a copy.',
  'recovery.failed': 'A copy, a restoration or a change of the recovery has failed.',
} as const;

export type WebhookType = keyof typeof webhookTypes;

/** The type of the message that `test` sends. No filter names it. */
export const testType = 'webhook.test';

/** Selects the events of an endpoint. All three conditions must hold; an empty list holds for every event. */
export interface WebhookFilter {
  /** Types, or groups such as `upload.*`. */
  readonly events: readonly string[];
  /** Names of SFTP users. An event without a user matches only an empty list. */
  readonly users: readonly string[];
  /** Beginnings of object keys. An event without an object matches only an empty list. */
  readonly prefixes: readonly string[];
}

/** A receiver of events, without its secret. */
export interface WebhookEndpoint {
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** A name for people. */
  readonly label: string;
  readonly url: string;
  readonly filter: WebhookFilter;
  readonly createdBy: string;
  readonly createdMs: number;
  /** When the present secret was generated. */
  readonly secretFromMs: number;
  /** Until then messages also have a signature with the secret before; null without an overlap. */
  readonly overlapUntilMs: number | null;
}

/** An endpoint with the state of its deliveries. */
export interface WebhookStatus extends WebhookEndpoint {
  readonly pending: number;
  readonly dead: number;
  /** Events of the audit trail that are not considered yet, since the queue is full or the process has just begun. */
  readonly behind: number;
  /** Time of the last delivered message; null before the first. */
  readonly lastDeliveredMs: number | null;
}

export interface NewWebhook {
  readonly label: string;
  readonly url: string;
  readonly filter: WebhookFilter;
  readonly createdBy: string;
}

/** `pending` waits or is retried, `dead` was given up after its time and waits for `send again`. */
export const deliveryStates = ['pending', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** One message to one endpoint. */
export interface WebhookDelivery {
  /** Position in the database: deliveries of an endpoint are in the order of the audit trail. */
  readonly id: number;
  readonly endpoint: string;
  /** Number of the event in the audit trail. */
  readonly auditSeq: number;
  /** The header `webhook-id`, the same at each attempt. */
  readonly messageId: string;
  readonly type: WebhookType;
  /** The object, path or key, whose messages are sent in order; null if the order does not matter. */
  readonly subject: string | null;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly createdMs: number;
  /** Time of the first attempt since the message was queued; null before it. */
  readonly firstTriedMs: number | null;
  /** Time of the next attempt. Of no meaning unless the state is `pending`. */
  readonly nextMs: number;
  readonly updatedMs: number;
  /** The result of the last attempt: an HTTP status, or null if there was no answer. */
  readonly status: number | null;
  /** Why the last attempt failed; null after a success. */
  readonly error: string | null;
}

/** A delivery with its JSON text, as it is sent. */
export interface DueDelivery extends WebhookDelivery {
  readonly body: string;
}

/** A message that an event of the audit trail becomes. */
export interface WebhookMessage {
  readonly messageId: string;
  readonly type: WebhookType;
  readonly subject: string | null;
  /** JSON. */
  readonly body: string;
}

/** The result of one attempt to deliver a message. */
export interface AttemptResult {
  /** Status of the answer; null without one. */
  readonly status: number | null;
  /** Null if the endpoint has accepted the message. */
  readonly error: string | null;
  /** Wait in milliseconds that the endpoint asks for; null without such a demand. */
  readonly retryAfterMs: number | null;
  /** True if further attempts are useless: the endpoint is gone for good. */
  readonly isFinal: boolean;
}

/** The actions of people on endpoints and deliveries. Changes are durable when a method resolves. */
export interface WebhookAdministration {
  /** Adds an endpoint, which gets events from now on. `secret` cannot be read again. Throws `invalid` and `over-quota`. */
  add(webhook: NewWebhook): Promise<{ readonly endpoint: WebhookEndpoint; readonly secret: string }>;
  list(): Promise<readonly WebhookStatus[]>;
  /** Throws `not-found`. */
  get(id: string): Promise<WebhookStatus>;
  /** Removes an endpoint with its deliveries. Throws `not-found`. */
  remove(id: string): Promise<WebhookEndpoint>;
  /**
   * Generates another secret. Messages have signatures with both for `overlapMs`. Throws `not-found`.
   */
  rotateSecret(
    id: string,
    overlapMs: number,
  ): Promise<{ readonly endpoint: WebhookEndpoint; readonly secret: string }>;
  /** Sends a message of the type `webhook.test` once, at once. Throws `not-found`. */
  test(id: string): Promise<AttemptResult & { readonly seconds: number }>;
  /** Returns up to `limit` deliveries of an endpoint, the newest first, older than the one with the id `before`. */
  deliveries(
    id: string,
    options: { readonly state?: DeliveryState; readonly limit: number; readonly before?: number },
  ): Promise<readonly WebhookDelivery[]>;
  /**
   * Queues one delivery again, or up to 1,000 dead ones, the oldest first. Returns their number. Throws `not-found`.
   */
  resend(id: string, delivery: number | null): Promise<number>;
}
