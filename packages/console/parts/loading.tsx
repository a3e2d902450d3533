import { type ReactNode, useEffect, useState } from 'react';
import { ProblemNotice } from './problem-notice.js';

const skeletonAfterMs = 200;
const skeletonRows = 6;

/** Grey rows after 200 ms: a faster answer shows nothing in between. */
export function Skeleton({ rows = skeletonRows }: { readonly rows?: number }) {
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), skeletonAfterMs);
    return () => clearTimeout(timer);
  }, []);
  // Marks the page as incomplete, also before the rows are visible.
  if (!isShown) return <div hidden role="status" aria-label="Loading" />;
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <span key={index} />
      ))}
    </div>
  );
}

/** The parts of a query that the states of a page need. */
export interface Loaded<T> {
  readonly data: T | undefined;
  readonly error: unknown;
  readonly refetch: () => unknown;
}

/** Shows the answer of a query; before it a skeleton, instead of it a problem. An old answer stays beside a problem. */
export function Answer<T>({
  query: { data, error, refetch },
  children,
}: {
  readonly query: Loaded<T>;
  readonly children: (data: T) => ReactNode;
}) {
  const problem = error === null ? null : <ProblemNotice error={error} retry={() => void refetch()} />;
  if (data === undefined) return problem ?? <Skeleton />;
  return (
    <>
      {problem}
      {children(data)}
    </>
  );
}
