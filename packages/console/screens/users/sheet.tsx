import { Button } from '@mantine/core';
import { Link, useParams } from 'wouter';
import { useRead } from '../../api/hooks.js';
import { Command, Copyable, CopyButton } from '../../parts/copy.js';
import { commandOf } from '../../parts/format.js';
import { Answer } from '../../parts/loading.js';
import { Facts, PageLayout, Section } from '../../parts/page.js';

/** The sheet for a partner, to print or to send: it has everything for the first login and no secret. */
export function Sheet() {
  const { name = '' } = useParams<{ name: string }>();
  const query = useRead('getSheet', { parameters: { username: name } });
  return (
    <PageLayout
      title={`SFTP access for ${name}`}
      answer="Give this to your partner. It has no secret: the password or private key goes another way."
      actions={
        <>
          <Button variant="default" component={Link} href={`/users/${name}`}>
            Back to {name}
          </Button>
          <Button onClick={() => window.print()}>Print</Button>
        </>
      }
    >
      <Answer query={query}>
        {({ host, port, username, hostKeys, loginMethods, folders, commands, text }) => (
          <>
            <Section title="Address">
              <Facts
                entries={[
                  ['Host', <code key="host">{host}</code>],
                  ['Port', port],
                  ['User', <code key="user">{username}</code>],
                  ['Login', loginMethods.join(', ')],
                ]}
              />
            </Section>
            <Section title="Fingerprints of the server: compare them at the first connection">
              <Facts
                entries={hostKeys.map(({ type, fingerprint }) => [
                  type,
                  <Copyable key={type} text={fingerprint} what="the fingerprint" />,
                ])}
              />
            </Section>
            <Section title="Folders">
              <Facts
                entries={folders.map(({ path, meaning, rights }) => [path, `${meaning} (rights: ${rights})`])}
              />
            </Section>
            <Section title="Commands">
              {commands.map(({ program, command }) => (
                <div key={program}>
                  <p className="dim">{program}</p>
                  <Command text={command} />
                </div>
              ))}
            </Section>
            <div className="no-print actions">
              <Command text={commandOf('user', 'sheet', username)} />
              <span className="with-copy">
                Copy the sheet as text <CopyButton text={text} what="the sheet as text" />
              </span>
            </div>
          </>
        )}
      </Answer>
    </PageLayout>
  );
}
