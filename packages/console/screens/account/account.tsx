import { useMe } from '../../api/hooks.js';
import { Answer } from '../../parts/loading.js';
import { Facts, PageLayout, Section } from '../../parts/page.js';
import { RelativeTime } from '../../parts/values.js';
import { OwnFactors } from './factors.js';
import { OwnSessions } from './own-sessions.js';
import { PassphraseSection } from './passphrase.js';

/** The person of this page: passphrase, second factors and sessions. */
export function Account() {
  const query = useMe();
  return (
    <PageLayout
      title="Account"
      answer={
        query.data === undefined ? undefined : `You are ${query.data.name}, with the role ${query.data.role}.`
      }
    >
      <Answer query={query}>
        {({ name, role, kind, scope, login }) => (
          <>
            <Section title="Login">
              <Facts
                entries={[
                  ['Name', name],
                  ['Role', role],
                  ['May call', scope === null ? 'everything that the role allows' : scope.join(', ')],
                  login === null ? null : ['Ends', <RelativeTime key="ends" time={login.expires} />],
                  login === null
                    ? null
                    : ['Ends without use after', `${Math.round(login.idleSeconds / 60)} min`],
                ]}
              />
            </Section>
            {login?.kind === 'local' ? (
              <>
                <OwnFactors name={name} />
                <PassphraseSection />
              </>
            ) : (
              <p>{whyNoFactors[login?.kind ?? kind] ?? null}</p>
            )}
            {login === null ? null : <OwnSessions />}
          </>
        )}
      </Answer>
    </PageLayout>
  );
}

/** Why there is nothing to set up here, by the kind of the login. */
const whyNoFactors: Readonly<Record<string, string>> = {
  demo: 'This is the login of a demo, from its link. It has no passphrase and no second factor.',
  oidc: 'Your identity provider checks your password and your second factor. Change them there.',
  token: 'You use an API token. It has no passphrase and no session.',
  command: 'You are a command on the gateway’s machine.',
};
