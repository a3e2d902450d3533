import { type DiffLine, lineDiff } from './line-diff.js';

const marks = { same: ' ', removed: '−', added: '+' } as const;
const spoken = { same: '', removed: 'only now: ', added: 'only after: ' } as const;

/** Two texts as one, with the lines that go and those that come. Screen readers hear which is which. */
export function Diff({
  label,
  before,
  after,
}: {
  readonly label: string;
  readonly before: string;
  readonly after: string;
}) {
  const lines: readonly DiffLine[] = lineDiff(before, after);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the difference scrolls, also by keyboard
    <section className="diff" aria-label={label} tabIndex={0}>
      {lines.map(({ kind, text }, index) => (
        <div key={index} data-kind={kind}>
          <span aria-hidden="true">{marks[kind]}</span>
          <code>
            {spoken[kind] === '' ? null : <span className="hidden-visually">{spoken[kind]}</span>}
            {text}
          </code>
        </div>
      ))}
    </section>
  );
}
