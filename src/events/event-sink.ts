/** Takes the hint that an object may have changed. It must not wait; lost, doubled and reordered hints must do no harm. */
export interface EventSink {
  keyChanged(bucket: string, key: string): void;
}
