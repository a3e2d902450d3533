import { type ReactNode, useEffect } from 'react';

/** A page: its name, the answer to its question in words, its actions, then the evidence. */
export function PageLayout({
  title,
  heading = title,
  answer,
  actions,
  children,
}: {
  /** In the title of the browser's tab. */
  readonly title: string;
  readonly heading?: ReactNode;
  readonly answer?: ReactNode;
  readonly actions?: ReactNode;
  readonly children?: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · sftpgw`;
  }, [title]);
  return (
    <div className="page">
      <div className="page-head">
        <div>
          <h1>{heading}</h1>
          {answer === undefined ? null : <div className="answer">{answer}</div>}
        </div>
        {actions === undefined ? null : <div className="actions no-print">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

/** A part of a page with its own heading. */
export function Section({
  title,
  aside,
  children,
}: {
  readonly title: string;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}) {
  return (
    <section className="section">
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

/** Names and values. Entries of null are left out. */
export function Facts({ entries }: { readonly entries: readonly (readonly [string, ReactNode] | null)[] }) {
  return (
    <dl className="facts">
      {entries.map((entry) =>
        entry === null ? null : (
          <div key={entry[0]}>
            <dt>{entry[0]}</dt>
            <dd>{entry[1]}</dd>
          </div>
        ),
      )}
    </dl>
  );
}
