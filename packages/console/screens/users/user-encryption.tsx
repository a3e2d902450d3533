import type { AnswerOf } from '../../api/endpoints.js';
import { useRead } from '../../api/hooks.js';
import { Command } from '../../parts/copy.js';
import { commandOf } from '../../parts/format.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { Answer } from '../../parts/loading.js';
import { Section } from '../../parts/page.js';
import { sentence } from '../../parts/problem-notice.js';
import { Status } from '../../parts/status.js';
import { encryptionWords, type User } from './words.js';

type Encryption = AnswerOf<'getUserEncryption'>['uploads'];

/** The own, the inherited and the effective encryption of a user, together. */
export function UserEncryption({ user: { username, downloads } }: { readonly user: User }) {
  const query = useRead('getUserEncryption', { parameters: { username } });
  return (
    <Answer query={query}>
      {(found) => (
        <>
          <Part title="Uploads" encryption={found.uploads} />
          {downloads ? <Part title="Downloads" encryption={found.downloads} /> : null}
          <Command text={commandOf('user', 'show', username)} />
        </>
      )}
    </Answer>
  );
}

function Part({ title, encryption }: { readonly title: string; readonly encryption: Encryption }) {
  const { own, inherited, inheritedFrom, effective, key, problem } = encryption;
  const word = (value: Encryption['own']) =>
    value === null ? <span className="dim">not set</span> : encryptionWords[value];
  return (
    <Section title={title}>
      <div className="table-scroll">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Own</th>
              <th scope="col">Inherited</th>
              <th scope="col">In effect</th>
              <th scope="col">Key</th>
            </tr>
          </thead>
          <tbody>
            <tr>
              <td>{word(own)}</td>
              <td title={inheritedFrom ?? ''}>{word(inherited)}</td>
              <td>
                <b>{effective === null ? 'none' : encryptionWords[effective]}</b>
              </td>
              <td>
                <KeyGlyph value={key} none="none" />
              </td>
            </tr>
          </tbody>
        </table>
      </div>
      {inheritedFrom === null ? null : <p className="dim">The inherited value comes from {inheritedFrom}.</p>}
      {problem === null ? null : (
        <Status tone="warn">
          <span className="wraps">{sentence(problem)}</span>
        </Status>
      )}
    </Section>
  );
}
