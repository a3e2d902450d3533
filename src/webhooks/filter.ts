import { type WebhookFilter, type WebhookMessage, webhookTypes } from '../model/api/webhooks.js';
import { Fault } from '../model/fault.js';

/** Max entries of each list of a filter. */
export const maxFilterEntries = 64;

/** The groups of types, such as `upload.*`. */
export const typeGroups: readonly string[] = [
  ...new Set(Object.keys(webhookTypes).map((type) => `${type.slice(0, type.indexOf('.'))}.*`)),
];

/** Throws `invalid` for a filter with an unknown event or too many entries. */
export function checkFilter({ events, users, prefixes }: WebhookFilter): void {
  for (const event of events) {
    if (Object.hasOwn(webhookTypes, event) || typeGroups.includes(event)) continue;
    const known = [...Object.keys(webhookTypes), ...typeGroups].join(', ');
    throw new Fault('invalid', `there is no event ${JSON.stringify(event)}: there are ${known}`);
  }
  if (Math.max(events.length, users.length, prefixes.length) > maxFilterEntries) {
    throw new Fault('invalid', `a filter has at most ${maxFilterEntries} events, users and prefixes each`);
  }
}

/** The parts of a message that a filter compares. */
export interface Filtered extends Pick<WebhookMessage, 'type'> {
  readonly user: string | null;
  readonly objectKey: string | null;
}

/** Reports whether an endpoint with this filter gets the message. */
export function passes({ events, users, prefixes }: WebhookFilter, message: Filtered): boolean {
  const { type, user, objectKey } = message;
  const group = `${type.slice(0, type.indexOf('.'))}.*`;
  if (events.length > 0 && !events.includes(type) && !events.includes(group)) return false;
  if (users.length > 0 && (user === null || !users.includes(user))) return false;
  return (
    prefixes.length === 0 || (objectKey !== null && prefixes.some((prefix) => objectKey.startsWith(prefix)))
  );
}
