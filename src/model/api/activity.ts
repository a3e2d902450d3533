/** The actions of users in some time. Every field is a number of events, or of bytes. */
export interface ActivityCounts {
  readonly uploads: number;
  readonly downloads: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Operations on files that failed. */
  readonly failed: number;
  readonly logins: number;
  readonly refusedLogins: number;
}

export const noActivity: ActivityCounts = {
  uploads: 0,
  downloads: 0,
  bytesReceived: 0,
  bytesSent: 0,
  failed: 0,
  logins: 0,
  refusedLogins: 0,
};

/** The activity from a time on. */
export interface ActivityStep extends ActivityCounts {
  readonly startMs: number;
}

/** The last times of a user; null for never. */
export interface LastTimes {
  readonly loginMs: number | null;
  /** Of a file that was uploaded or downloaded. */
  readonly fileMs: number | null;
}

/** Returns the sum of both. */
export function addActivity(one: ActivityCounts, other: ActivityCounts): ActivityCounts {
  return {
    uploads: one.uploads + other.uploads,
    downloads: one.downloads + other.downloads,
    bytesReceived: one.bytesReceived + other.bytesReceived,
    bytesSent: one.bytesSent + other.bytesSent,
    failed: one.failed + other.failed,
    logins: one.logins + other.logins,
    refusedLogins: one.refusedLogins + other.refusedLogins,
  };
}

/** The activity as the API shows it. It is counted with the audit trail, about a second late. */
export interface ActivityReader {
  /** Returns the recorded steps that begin at `fromMs` or later, the oldest first. Steps without events are missing. */
  since(fromMs: number): Promise<readonly ActivityStep[]>;
  /** Returns the last times of all users who have any, by name. */
  lastTimes(): Promise<ReadonlyMap<string, LastTimes>>;
}
