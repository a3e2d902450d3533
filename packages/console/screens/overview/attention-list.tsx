import { Link } from 'wouter';
import { Section } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import type { Attention } from './attention.js';

/** Lists the things that need attention, each with a link to the page that has more. */
export function AttentionList({ items }: { readonly items: readonly Attention[] }) {
  if (items.length === 0) return null;
  return (
    <Section title="Needs attention">
      <ul className="attention">
        {items.map(({ tone, text, to }) => (
          <li key={text}>
            <Link href={to}>
              <Status tone={tone}>
                <span className="wraps">{text}</span>
              </Status>
            </Link>
          </li>
        ))}
      </ul>
    </Section>
  );
}
