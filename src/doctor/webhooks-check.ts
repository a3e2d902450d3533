import type { WebhookStatus } from '../model/api/webhooks.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** Events behind the audit trail from which a webhook is late. */
const lateEvents = 10_000;

/** Checks that every webhook gets its messages. */
export function webhooksCheck(list: () => Promise<readonly WebhookStatus[]>): Check {
  return {
    name: 'webhooks',
    run: async () => (await list()).flatMap(findingsOf),
  };
}

function findingsOf({ id, label, dead, behind }: WebhookStatus): readonly DoctorFinding[] {
  const subject = `webhook ${label}`;
  const findings: DoctorFinding[] = [];
  if (dead > 0) {
    findings.push({
      code: 'webhook-dead-letters',
      severity: 'warning',
      subject,
      what: `${dead} ${dead === 1 ? 'message was' : 'messages were'} given up.`,
      why: 'The receiver does not know of these events.',
      whatToDo: `\`sftpgw webhook deliveries ${id} --state dead\` lists the reasons. Fix the receiver, then run \`sftpgw webhook resend ${id}\`.`,
    });
  }
  if (behind >= lateEvents) {
    findings.push({
      code: 'webhook-behind',
      severity: 'warning',
      subject,
      what: `Its queue is full, and ${behind} events wait in the audit trail.`,
      why: 'The audit trail keeps events that a webhook has not considered, whatever their age.',
      whatToDo: `Fix the receiver (\`sftpgw webhook test ${id}\`), or remove it: \`sftpgw webhook remove ${id}\`.`,
    });
  }
  return findings;
}
