/**
 * The actions of the audit trail, a closed set. `changes` is true for an action that changes something: it is
 * refused while the trail cannot be written (`audit.required`). docs/AUDIT.md explains each one.
 */
export const auditActions = {
  'session.login': { changes: false },
  'session.refused': { changes: false },
  'session.end': { changes: false },
  'session.disconnect': { changes: true },
  'file.open': { changes: false },
  'file.read': { changes: false },
  'file.write': { changes: true },
  'file.copy': { changes: true },
  'file.rename': { changes: true },
  'file.remove': { changes: true },
  'file.attributes': { changes: true },
  'file.symlink': { changes: true },
  'file.link': { changes: true },
  'directory.make': { changes: true },
  'directory.remove': { changes: true },
  'mirror.change': { changes: true },
  'object.put': { changes: true },
  'object.get': { changes: false },
  'object.copy': { changes: true },
  'object.move': { changes: true },
  'object.remove': { changes: true },
  'key.generate': { changes: true },
  'key.import': { changes: true },
  'key.retire': { changes: true },
  'key.destroy': { changes: true },
  'rotation.start': { changes: true },
  'rotation.pause': { changes: true },
  'rotation.resume': { changes: true },
  'rotation.end': { changes: true },
  'user.add': { changes: true },
  'user.change': { changes: true },
  'user.remove': { changes: true },
  'user.totp': { changes: true },
  'shared.change': { changes: true },
  'recovery.recipient': { changes: true },
  'recovery.adopt': { changes: true },
  'recovery.copy': { changes: true },
  'recovery.drill': { changes: true },
  'recovery.shares': { changes: true },
  'recovery.restore': { changes: true },
  'ledger.rebuild': { changes: true },
  'ledger.verify': { changes: false },
  'settings.change': { changes: true },
  'ban.add': { changes: true },
  'ban.clear': { changes: true },
  'webhook.add': { changes: true },
  'webhook.remove': { changes: true },
  'webhook.secret': { changes: true },
  'webhook.test': { changes: false },
  'webhook.resend': { changes: true },
  'admin.login': { changes: false },
  'admin.refused': { changes: false },
  'admin.logout': { changes: false },
  'admin.add': { changes: true },
  'admin.enrol': { changes: true },
  'admin.role': { changes: true },
  'admin.reset': { changes: true },
  'admin.remove': { changes: true },
  'admin.passphrase': { changes: true },
  'admin.factor': { changes: true },
  'admin.session': { changes: true },
  'token.create': { changes: true },
  'token.revoke': { changes: true },
  'cluster.init': { changes: true },
  'cluster.token': { changes: true },
  'cluster.join': { changes: true },
  'cluster.leave': { changes: true },
  'approval.request': { changes: true },
  'approval.decide': { changes: true },
  'gateway.start': { changes: false },
  'gateway.stop': { changes: false },
  'audit.gap': { changes: false },
  'audit.prune': { changes: false },
} as const satisfies Readonly<Record<string, { readonly changes: boolean }>>;

export type AuditAction = keyof typeof auditActions;

/** An SFTP user, an administrator at a command, or the gateway itself. */
export type AuditActorKind = 'user' | 'admin' | 'gateway';

export interface AuditActor {
  readonly kind: AuditActorKind;
  readonly name: string;
}

/** More about an event: JSON values that never contain a secret. */
export type AuditDetails = Readonly<Record<string, unknown>>;

/** One event, as the place where it happens describes it. */
export interface AuditEvent {
  readonly action: AuditAction;
  readonly actor: AuditActor;
  /** The client's address; null for the gateway and for commands. */
  readonly address?: string | null;
  /** Id of the session, as in the log. */
  readonly session?: string | null;
  /** Id of the request, as in the log. */
  readonly request?: string | null;
  /** The path, user, key or setting that the action is about. */
  readonly target?: string | null;
  readonly bucket?: string | null;
  readonly objectKey?: string | null;
  /** `ok`, the kind of the fault, or `interrupted`. */
  readonly result: string;
  /** Fingerprint of the customer key that encrypts the object. */
  readonly keyId?: string | null;
  readonly details?: AuditDetails;
}

/** Records events. A record survives a crash of the process (kill -9) once `record` has returned. */
export interface AuditRecorder {
  /**
   * Throws `unavailable` while the trail cannot be written and `audit.required` is set. Called before a
   * change, so that nothing changes without a record.
   */
  requireWritable(): void;
  /**
   * Records an event. Throws `unavailable` if it cannot be written, the action changes something and
   * `audit.required` is set. Otherwise the loss is counted and recorded later as `audit.gap`.
   */
  record(event: AuditEvent): void;
}

/** Records nothing. */
export const noAudit: AuditRecorder = { requireWritable: () => undefined, record: () => undefined };

/** A row of the trail. */
export interface AuditRow {
  /** Position in the chain, from 1 without gaps. */
  readonly seq: number;
  readonly timeMs: number;
  /** Id of the gateway that recorded the event. */
  readonly node: string;
  readonly actor: AuditActor;
  readonly address: string | null;
  readonly session: string | null;
  readonly request: string | null;
  readonly action: string;
  readonly target: string | null;
  readonly bucket: string | null;
  readonly objectKey: string | null;
  readonly result: string;
  readonly keyId: string | null;
  /** JSON. */
  readonly details: string;
  /** Hash of the row before. */
  readonly previousHash: string;
  readonly hash: string;
}

/** A query. Absent fields match everything. */
export interface AuditQuery {
  readonly user?: string;
  readonly action?: string;
  readonly address?: string;
  readonly session?: string;
  readonly request?: string;
  readonly keyId?: string;
  /** `ok`, a kind of fault, or `failed` for everything except `ok`. */
  readonly result?: string;
  /** Rows whose target begins with this text. */
  readonly targetPrefix?: string;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Only rows that come after this one in the result. */
  readonly behind?: { readonly timeMs: number; readonly seq: number };
}

/** The first problem of a chain. `seq` is the row that it names. */
export interface AuditProblem {
  readonly kind: 'changed' | 'removed' | 'inserted' | 'rewritten';
  readonly seq: number;
  readonly text: string;
}

/** The result of a verification of the chain. */
export interface AuditVerification {
  readonly rows: number;
  readonly firstSeq: number | null;
  readonly lastSeq: number;
  readonly problem: AuditProblem | null;
}

/** The trail as it is read. */
export interface AuditReader {
  /** Returns the matching rows, the newest first, in pages: never more than a page is in memory. */
  query(query: AuditQuery): AsyncIterable<AuditRow>;
  /** Returns up to `limit` rows behind `seq`, in the order of the chain. */
  after(seq: number, limit: number): Promise<readonly AuditRow[]>;
  /** Recomputes every hash, and stops at the first problem. */
  verify(progress?: (rows: number) => void): Promise<AuditVerification>;
  /** Returns the last row's number and hash. `seq` is 0 before the first row. */
  head(): Promise<AuditHead>;
  /** Returns the hash of a row; null if it was pruned or does not exist. */
  hashOf(seq: number): Promise<string | null>;
}

/** The end of the chain. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

/** The end of the chain at a time, as the bucket holds it. */
export interface StoredHead extends AuditHead {
  readonly timeMs: number;
  readonly node: string;
}

/** Signs heads, so that only this gateway can have written them. */
export interface HeadSigner {
  /** Returns null while the gateway has no identity. */
  sign(bytes: Uint8Array): Promise<{ readonly publicKey: string; readonly signature: string } | null>;
  isOwn(
    bytes: Uint8Array,
    signature: { readonly publicKey: string; readonly signature: string },
  ): Promise<boolean>;
}
