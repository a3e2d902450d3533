import { SecretDialog } from '../../parts/secret.js';

/** The secret of a webhook, which the gateway shows once. */
export function WebhookSecret({
  secret,
  onClose,
}: {
  readonly secret: string;
  readonly onClose: () => void;
}) {
  return (
    <SecretDialog title="The secret of the webhook" what="the secret" secret={secret} onClose={onClose}>
      <p>
        Store it with the receiver. Each message has the headers <code>webhook-id</code>,{' '}
        <code>webhook-timestamp</code> and <code>webhook-signature</code>. The receiver verifies the signature
        with this secret.
      </p>
    </SecretDialog>
  );
}
