/** A person who may use the console. */
export interface AdminTable {
  id: string;
  name: string;
  kind: 'local' | 'oidc' | 'demo';
  role: string;
  /** The account at an identity provider. */
  subject: string | null;
  passphrase_hash: string | null;
  /** The TOTP secret, sealed for this gateway. */
  totp_sealed: string | null;
  totp_created_ms: number | null;
  /** The step of the last code that was accepted. */
  totp_used_step: number | null;
  created_ms: number;
  created_by: string;
  last_login_ms: number | null;
}

/** A WebAuthn credential. */
export interface PasskeyTable {
  id: string;
  admin_id: string;
  label: string;
  credential_id: string;
  public_key: string;
  counter: number;
  /** Separated by spaces. */
  transports: string;
  created_ms: number;
  last_used_ms: number | null;
}

/** A login at the console. Digests are SHA-256 in hexadecimal digits. */
export interface AdminSessionTable {
  id: string;
  admin_id: string;
  secret_hash: string;
  method: 'totp' | 'passkey' | 'oidc' | 'demo' | 'link';
  address: string | null;
  user_agent: string | null;
  created_ms: number;
  last_used_ms: number;
  expires_ms: number;
}

/** A link that logs in once. */
export interface AdminLinkTable {
  token_hash: string;
  admin_id: string;
  kind: 'enrol' | 'demo';
  created_by: string;
  created_ms: number;
  expires_ms: number;
}

/** The state between two steps of a login. */
export interface LoginTicketTable {
  ticket_hash: string;
  kind: string;
  admin_id: string | null;
  /** JSON. */
  data: string;
  failures: number;
  expires_ms: number;
}

/** A request that waits for a second person. */
export interface ApprovalTable {
  id: string;
  operation: string;
  summary: string;
  needs: string;
  /** JSON, as `requester`. */
  request: string;
  requester: string;
  requested_by: string;
  identity: string;
  state: 'pending' | 'approved' | 'rejected' | 'failed';
  created_ms: number;
  expires_ms: number;
  decided_by: string | null;
  decided_ms: number | null;
  fault: string | null;
}

/** A token of the API. */
export interface ApiTokenTable {
  id: string;
  label: string;
  role: string;
  /** Groups of operations separated by spaces; null for all. */
  scope: string | null;
  /** SHA-256 of the token, in hexadecimal digits. */
  token_hash: string;
  created_by: string;
  created_ms: number;
  expires_ms: number;
  revoked_ms: number | null;
  last_used_ms: number | null;
  /** The person behind the token; null for tokens of earlier versions. */
  identity: string | null;
}
