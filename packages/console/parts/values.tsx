import { useNow } from './clock.js';
import { formatBytes, formatExact, formatRelative } from './format.js';

/** A time relative to now, with the exact one on hover. Takes ISO text or milliseconds; null shows `none`. */
export function RelativeTime({
  time,
  none = 'never',
}: {
  readonly time: string | number | null;
  readonly none?: string;
}) {
  const now = useNow();
  if (time === null) return <span className="dim">{none}</span>;
  const at = new Date(time);
  return (
    <time dateTime={at.toISOString()} title={formatExact(at)} className="nowrap">
      {formatRelative(at, at > now && at.getTime() - now.getTime() < 10_000 ? at : now)}
    </time>
  );
}

/** A size in bytes, with the exact number on hover. */
export function Bytes({ value }: { readonly value: number }) {
  return (
    <span className="number nowrap" title={`${value.toLocaleString('en-GB')} bytes`}>
      {formatBytes(value)}
    </span>
  );
}

/** A path, an address or another text in monospace, cut at its end, with the whole text on hover. */
export function Mono({ children }: { readonly children: string }) {
  return (
    <code className="mono" title={children}>
      {children}
    </code>
  );
}

/** A path that is cut at its beginning, because paths of one table differ at their ends. */
export function PathEnd({ children, title }: { readonly children: string; readonly title?: string }) {
  return (
    <span className="path-end" title={title}>
      <bdi>{children}</bdi>
    </span>
  );
}
