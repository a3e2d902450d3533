import { Fault } from '../../model/fault.js';
import type { OpenRoot } from '../../operations/open-root.js';
import type { Invitation, PeopleAdministration } from '../../people/administration.js';
import type { CommandContext } from '../command.js';
import { renderJson } from '../terminal/render.js';

/** Runs a command that invites a person, and prints the link. */
export async function invite(
  { shell }: CommandContext,
  root: OpenRoot,
  isJson: boolean,
  work: (people: PeopleAdministration, createdBy: string) => Promise<Invitation>,
): Promise<void> {
  const [{ consoleOrigin, peopleAdministration, welcomeLink }, { localPersonName }] = await Promise.all([
    import('../../operations/people.js'),
    import('../../operations/api-tokens.js'),
  ]);
  const origin = consoleOrigin(root.settings.current);
  if (origin === null) {
    throw new Fault('invalid', 'the console is off: set console.listen, or console.url for a link to it');
  }
  const { admin, token, expiresMs } = await work(peopleAdministration(root, root.scribe), localPersonName());
  const link = welcomeLink(origin, token);
  const expires = new Date(expiresMs).toISOString();
  shell.out(isJson ? renderJson({ name: admin.name, role: admin.role, link, expires }) : link);
  if (!isJson) shell.err(`${admin.name} (${admin.role}) opens this link once, before ${expires}`);
}
