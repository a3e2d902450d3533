import { Link } from 'wouter';
import type { AnswerOf } from '../../api/endpoints.js';
import { useRead } from '../../api/hooks.js';
import { useFilters } from '../../parts/filters.js';
import { countOf } from '../../parts/format.js';
import { Glyph } from '../../parts/key-glyph.js';
import { Answer } from '../../parts/loading.js';
import { PageLayout } from '../../parts/page.js';

type Found = AnswerOf<'search'>;
type Kind = Found['items'][number]['kind'];

/** The page to which a result of each kind leads. */
const targets: Readonly<Record<Kind, (id: string) => string>> = {
  user: (id) => `/users/${encodeURIComponent(id)}`,
  key: (id) => `/keys/${encodeURIComponent(id)}`,
  address: (id) => `/audit?address=${encodeURIComponent(id)}`,
  request: (id) => `/audit?request=${encodeURIComponent(id)}`,
  session: (id) => `/audit?session=${encodeURIComponent(id)}`,
  path: (id) => `/audit?path=${encodeURIComponent(id)}`,
};

const words: Readonly<Record<Kind, string>> = {
  user: 'User',
  key: 'Key',
  address: 'Events from the address',
  request: 'Events of the request',
  session: 'Events of the session',
  path: 'Events of the path',
};

/** Lists what the search box found. */
export function Search() {
  const text = useFilters().get('q');
  const query = useRead('search', { query: { q: text } }, { isEnabled: text !== '' });
  return (
    <PageLayout
      title={`Search: ${text}`}
      heading={
        <>
          Search: <code>{text}</code>
        </>
      }
      answer={query.data === undefined ? undefined : `${countOf(query.data.items.length, 'result')}.`}
    >
      <Answer query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <div className="notice-box">
              <p>
                Nothing is named like this. Search for a part of a user’s name, the beginning of a key’s
                fingerprint, a path, an address or a request id.
              </p>
            </div>
          ) : (
            <ul className="attention">
              {items.map(({ kind, id, label }) => (
                <li key={`${kind} ${id}`}>
                  <Link href={targets[kind](id)}>
                    <span className="dim">{words[kind]}</span> {kind === 'key' ? <Glyph id={id} /> : null}{' '}
                    <b>{label}</b>
                  </Link>
                </li>
              ))}
            </ul>
          )
        }
      </Answer>
    </PageLayout>
  );
}
