/** The last times of a user. */
export interface UserActivityTable {
  username: string;
  last_login_ms: number | null;
  /** Of a file that was uploaded or downloaded. */
  last_file_ms: number | null;
}

/** The actions of users in a step of five minutes. */
export interface ActivityTable {
  start_ms: number;
  uploads: number;
  downloads: number;
  bytes_received: number;
  bytes_sent: number;
  failed: number;
  logins: number;
  refused_logins: number;
}
