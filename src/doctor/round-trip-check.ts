import type { Call, Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { ObjectStore } from '../model/object-store.js';
import type { UserDirectory, Username } from '../model/users.js';
import { type RoundTripProblem, type RoundTripStep, tryRoundTrip } from '../vault/round-trip.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

export interface RoundTripServices {
  readonly store: ObjectStore;
  readonly entropy: Entropy;
  readonly users: Pick<UserDirectory, 'settings' | 'uploadEncryption'>;
}

/** The whole way of one user's files, in the user's own place and under the user's own encryption. */
export function roundTripCheck(services: RoundTripServices, username: Username): Check {
  return { name: `uploads of ${username}`, run: (call) => roundTripOf(services, call, username) };
}

async function roundTripOf(
  { store, entropy, users }: RoundTripServices,
  call: Call,
  username: Username,
): Promise<readonly DoctorFinding[]> {
  const subject = `user ${username}`;
  const settings = await users.settings(call, username);
  if (settings === null) return [];
  let troubles: readonly RoundTripProblem[];
  try {
    const encryption = await users.uploadEncryption(call, username);
    const { uploadBucket: bucket, uploadPrefix: prefix, acl } = settings;
    troubles = await tryRoundTrip(store, entropy, call, { bucket, prefix, encryption, acl });
  } catch (error) {
    troubles = [{ step: 'write', fault: Fault.from(error) }];
  }
  return troubles.map(({ step, fault }) => ({
    code: codeOf(step, fault),
    severity: step === 'remove' ? 'warning' : 'error',
    subject,
    what: `${sentences[step]}: ${fault.hint}.`,
    why: consequences[step],
    whatToDo:
      fault.kind === 'denied'
        ? 'Give the gateway the permission; `sftpgw setup --policies` prints all that it needs.'
        : 'Mend what the sentence names, and run the doctor again.',
  }));
}

function codeOf(step: RoundTripStep, { kind }: Fault): string {
  if (kind === 'sse-c-blocked') return 'sse-c-blocked';
  if (kind === 'denied') return 'access-denied';
  if (step === 'write' && (kind === 'key-missing' || kind === 'invalid')) return 'upload-key-unusable';
  return `round-trip-${step.replaceAll(' ', '-')}`;
}

const sentences: Readonly<Record<RoundTripStep, string>> = {
  write: 'A file cannot be uploaded',
  read: 'What was uploaded cannot be read back',
  'refusal without the key': 'What was uploaded is not protected by its key',
  'refusal of another key': 'What was uploaded is not protected by its key',
  copy: 'What was uploaded cannot be copied on the server',
  remove: 'What was uploaded cannot be removed',
};

const consequences: Readonly<Record<RoundTripStep, string>> = {
  write: 'Every upload of this user fails.',
  read: 'This user cannot fetch files back, and a rename cannot be verified.',
  'refusal without the key': 'Whoever may read the bucket reads the content.',
  'refusal of another key': 'The key that was asked for is not the one that protects the content.',
  copy: 'Renames and the rotation of keys fail.',
  remove: 'Users cannot remove or rename files, and the tiny object of this look stays in the bucket.',
};
