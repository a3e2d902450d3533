import { Link } from 'wouter';
import { Copyable } from '../../parts/copy.js';
import { countOf, formatBytes } from '../../parts/format.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { Status } from '../../parts/status.js';
import { isAtRisk, type Key } from './words.js';

/** Keys that the diagram draws: those with the most objects. */
const maxDrawn = 12;

/** Three columns: what opens the keys, the keys, and what the keys open. */
export function KeyDiagram({
  keys,
  recipients,
}: {
  readonly keys: readonly Key[];
  readonly recipients: readonly string[];
}) {
  const drawn = keys.toSorted((one, other) => other.objects - one.objects).slice(0, maxDrawn);
  return (
    <div className="diagram">
      <ul className="openers" aria-label="Holders that open the keys">
        <li>
          <b>This gateway</b>
          <span className="dim">with the key of this machine</span>
        </li>
        {recipients.map((recipient) => (
          <li key={recipient}>
            <b>Recovery identity</b>
            <Copyable text={recipient} what="the recipient" shown={`${recipient.slice(0, 12)}…`} />
          </li>
        ))}
        {recipients.length === 0 ? (
          <li data-tone="bad">
            <Status tone="bad">no recovery identity</Status>
            <Link href="/recovery">Create one</Link>
          </li>
        ) : null}
      </ul>
      <ul className="opened" aria-label="Data that the keys open">
        {drawn.map((key) => (
          <li key={key.id} data-risk={isAtRisk(key)}>
            <span className="arrow" aria-hidden="true">
              →
            </span>
            <KeyGlyph value={{ id: key.id, label: key.label }} />
            <span className="arrow" aria-hidden="true">
              →
            </span>
            <span>
              {countOf(key.objects, 'object')}, {formatBytes(key.bytes)}
              {isAtRisk(key) ? <span className="dim"> (only this gateway opens the key)</span> : null}
            </span>
          </li>
        ))}
        {keys.length > drawn.length ? (
          <li className="dim">and {countOf(keys.length - drawn.length, 'key')} with fewer objects</li>
        ) : null}
      </ul>
    </div>
  );
}
