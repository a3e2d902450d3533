import type { Generated } from 'kysely';

/** A receiver of events over HTTPS. */
export interface WebhookTable {
  id: string;
  label: string;
  url: string;
  /** JSON. */
  filter: string;
  /** The secret, sealed with a key of the gateway's identity. */
  secret_sealed: string;
  secret_ms: number;
  /** The secret before, until `overlap_until_ms`. */
  previous_sealed: string | null;
  overlap_until_ms: number | null;
  /** The last row of the audit trail that was considered. */
  cursor_seq: number;
  created_by: string;
  created_ms: number;
  last_delivered_ms: number | null;
}

/** One message to one endpoint. */
export interface WebhookDeliveryTable {
  id: Generated<number>;
  webhook_id: string;
  audit_seq: number;
  message_id: string;
  type: string;
  subject: string | null;
  state: 'pending' | 'delivered' | 'dead';
  attempts: number;
  created_ms: number;
  first_tried_ms: number | null;
  next_ms: number;
  updated_ms: number;
  status: number | null;
  error: string | null;
  /** JSON, as it is sent. */
  body: string;
}
