import type { Notification } from '../notifications/configuration.js';
import type { IndexDatabase } from './index-database.js';

/** The notification configurations of buckets. `set` runs inside `IndexDatabase.write`. */
export class NotificationIndex {
  readonly #find;
  readonly #delete;
  readonly #insert;

  constructor({ sqlite }: IndexDatabase) {
    this.#find = sqlite.prepare<[string], { configuration: string }>(
      'SELECT configuration FROM notifications WHERE bucket = ?',
    );
    this.#delete = sqlite.prepare<[string]>('DELETE FROM notifications WHERE bucket = ?');
    this.#insert = sqlite.prepare<[string, string]>(
      'INSERT INTO notifications (bucket, configuration) VALUES (?, ?)',
    );
  }

  /** Empty if the bucket has none. */
  of(bucket: string): readonly Notification[] {
    const row = this.#find.get(bucket);
    return row === undefined ? [] : (JSON.parse(row.configuration) as readonly Notification[]);
  }

  set(bucket: string, notifications: readonly Notification[]): void {
    this.#delete.run(bucket);
    if (notifications.length > 0) this.#insert.run(bucket, JSON.stringify(notifications));
  }
}
