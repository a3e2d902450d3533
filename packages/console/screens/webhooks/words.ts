import type { ItemOf } from '../../api/endpoints.js';
import type { Tone } from '../../parts/status.js';

export type Webhook = ItemOf<'listWebhooks'>;
export type Delivery = ItemOf<'listWebhookDeliveries'>;
export type Filter = Webhook['filter'];

/** The states of messages: a dead one was given up, and waits until a person sends it again. */
export const deliveryStates: Readonly<Record<Delivery['state'], readonly [Tone, string]>> = {
  pending: ['busy', 'pending'],
  delivered: ['good', 'delivered'],
  dead: ['bad', 'given up'],
};

/** Returns the state of an endpoint, the worst part first. */
export function stateOf({ dead, pending, behind, lastDelivered }: Webhook): readonly [Tone, string] {
  if (dead > 0) return ['bad', 'messages given up'];
  if (behind > 0) return ['warn', 'behind'];
  if (pending > 0) return ['busy', 'sending'];
  return lastDelivered === null ? ['plain', 'nothing sent yet'] : ['good', 'up to date'];
}

/** Returns which events an endpoint gets, in words. */
export function filterText({ events, users, prefixes }: Filter): string {
  const parts = [
    events.length === 0 ? 'all events' : events.join(', '),
    ...(users.length === 0 ? [] : [`of ${users.join(', ')}`]),
    ...(prefixes.length === 0 ? [] : [`below ${prefixes.join(', ')}`]),
  ];
  return parts.join(' ');
}

/** Returns the flags of `sftpgw webhook add` for a filter. */
export function filterFlags({ events, users, prefixes }: Filter): readonly string[] {
  const flags = (name: string, values: readonly string[]) => (values.length === 0 ? [] : [name, ...values]);
  return [...flags('--event', events), ...flags('--user', users), ...flags('--prefix', prefixes)];
}
