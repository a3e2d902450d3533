/** A login at the files page. */
export interface PageSessionTable {
  id: string;
  /** SHA-256 of the secret, in hexadecimal digits. */
  secret_hash: string;
  username: string;
  methods: string;
  credentials: string;
  created_ms: number;
  last_used_ms: number;
}

/** An upload of the files page. */
export interface PageUploadTable {
  id: string;
  username: string;
  path: string;
  /** In bytes. */
  length: number;
  mtime_seconds: number;
  /** 0 or 1, as in the other two. */
  replaces: number;
  is_opened: number;
  is_done: number;
  used_ms: number;
}
