/**
 * Receives hints that an object may have changed. It must not wait. Lost, repeated and reordered hints must
 * be harmless.
 */
export interface EventSink {
  keyChanged(bucket: string, key: string): void;
}
