import { SecretDialog } from '../../parts/secret.js';
import { RelativeTime } from '../../parts/values.js';
import type { Invitation } from './words.js';

/** The link with which a person sets their passphrase and second factor. The gateway shows it once. */
export function InvitationLink({
  invitation: { admin, link, expires },
  onClose,
}: {
  readonly invitation: Invitation;
  readonly onClose: () => void;
}) {
  return (
    <SecretDialog title={`Link for ${admin.name}`} what="the link" secret={link} onClose={onClose}>
      <p>
        Give it to {admin.name} on a channel that you trust. It works once. There they set their passphrase,
        and a passkey or the codes of an app. It expires <RelativeTime time={expires} />.
      </p>
    </SecretDialog>
  );
}
