import { Link } from 'wouter';
import { useRead } from '../../api/hooks.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { Answer } from '../../parts/loading.js';
import { Section } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { Mono, RelativeTime } from '../../parts/values.js';

const everyMs = 5_000;
const shown = 5;

/** The newest uploads, each with the key that encrypts it. */
export function LastUploads() {
  const query = useRead('listAudit', { query: { action: 'file.write', limit: shown } }, { everyMs });
  return (
    <Section title="Last uploads" aside={<Link href="/audit?action=file.write">All uploads</Link>}>
      <Answer query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="dim">No file was uploaded yet. An upload appears here within a few seconds.</p>
          ) : (
            <ul className="last-uploads">
              {items.map(({ seq, time, actor, target, keyId, result }) => (
                <li key={seq}>
                  <Link href={`/users/${actor.name}`}>{actor.name}</Link>
                  <Mono>{target ?? ''}</Mono>
                  {result === 'ok' ? (
                    <KeyGlyph value={keyId === null ? null : { id: keyId }} none="no customer key" />
                  ) : (
                    <Status tone="bad">{result}</Status>
                  )}
                  <RelativeTime time={time} />
                </li>
              ))}
            </ul>
          )
        }
      </Answer>
    </Section>
  );
}
