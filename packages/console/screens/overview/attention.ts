import { countOf } from '../../parts/format.js';
import type { OverviewAnswer } from './data.js';

/** Something that a person should know, with the page that has more. */
export interface Attention {
  readonly tone: 'bad' | 'warn';
  readonly text: string;
  readonly to: string;
}

/** Returns what needs attention, the most severe first. */
export function attentionOf(overview: OverviewAnswer): readonly Attention[] {
  const { health, findings, recovery, mirror, rotations, jobs, last24Hours, bans } = overview;
  const found: Attention[] = health.checks.flatMap(({ name, isOk, reason }) =>
    isOk
      ? []
      : [
          {
            tone: 'bad',
            text: `The check of ${name} fails: ${reason ?? 'the log has the reason'}`,
            to: '/doctor',
          },
        ],
  );
  const add = (when: boolean, tone: Attention['tone'], text: string, to: string) => {
    if (when) found.push({ tone, text, to });
  };
  const lost = recovery.keys - recovery.recoverableKeys;
  add(findings.error > 0, 'bad', `The doctor found ${countOf(findings.error, 'error')}`, '/doctor');
  add(lost > 0, 'bad', `${countOf(lost, 'key')} of ${recovery.keys} could not be recovered`, '/recovery');
  add(jobs.failed > 0, 'warn', `${countOf(jobs.failed, 'job')} failed`, '/jobs');
  add(!recovery.isReady && lost === 0, 'warn', 'The recovery is not complete', '/recovery');
  add(findings.warning > 0, 'warn', `The doctor found ${countOf(findings.warning, 'warning')}`, '/doctor');
  add(mirror.problems > 0, 'warn', `${countOf(mirror.problems, 'object')} cannot be mirrored`, '/mirrors');
  add(
    mirror.behind > 0,
    'warn',
    `${countOf(mirror.behind, 'mirrored prefix', 'mirrored prefixes')} behind S3`,
    '/mirrors',
  );
  add(rotations.paused > 0, 'warn', `${countOf(rotations.paused, 'rotation')} paused`, '/rotations');
  add(
    last24Hours.failed > 0,
    'warn',
    `${countOf(last24Hours.failed, 'file operation')} failed in 24 hours`,
    '/audit?result=failed',
  );
  add(
    last24Hours.refusedLogins > 0,
    'warn',
    `${countOf(last24Hours.refusedLogins, 'login')} refused in 24 hours`,
    '/audit?action=session.refused',
  );
  add(bans > 0, 'warn', `${countOf(bans, 'address', 'addresses')} banned`, '/security');
  return found;
}
