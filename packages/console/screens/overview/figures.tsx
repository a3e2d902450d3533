import { Progress } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { countOf, formatBytes, formatCount, formatDuration } from '../../parts/format.js';
import { Facts, Section } from '../../parts/page.js';
import { RelativeTime } from '../../parts/values.js';
import type { OverviewAnswer } from './data.js';

/** The figures of the overview, in parts with links to their pages. */
export function Figures({ overview }: { readonly overview: OverviewAnswer }) {
  const { recovery, mirror, rotations, jobs, users, memory, disk } = overview;
  return (
    <div className="columns">
      <Section title="Now">
        <Facts entries={nowEntries(overview)} />
      </Section>
      <Section title="Last 24 hours">
        <Facts entries={dayEntries(overview)} />
      </Section>
      <Section title="Keys and users">
        <Facts
          entries={[
            [
              'Recovery',
              <Link key="recovery" href="/recovery">
                {recovery.recoverableKeys} of {countOf(recovery.keys, 'key')} recoverable
              </Link>,
            ],
            ['Copy in the bucket', <RelativeTime key="copy" time={recovery.copied} />],
            ['Rotations', rotations.running === 0 ? 'none' : `${rotations.running} running`],
            [
              'Jobs',
              jobs.running + jobs.waiting === 0 ? 'none' : `${jobs.running} running, ${jobs.waiting} waiting`,
            ],
            [
              'Users',
              <Link key="users" href="/users">
                {formatCount(users.all)}, {users.disabled} disabled, {users.expired} expired
              </Link>,
            ],
            [
              'Mirrors',
              <Link key="mirrors" href="/mirrors">
                {countOf(mirror.prefixes, 'prefix', 'prefixes')}
                {mirror.lagMs === null || mirror.lagMs < 1000
                  ? ''
                  : `, up to ${formatDuration(mirror.lagMs / 1000)} behind`}
              </Link>,
            ],
          ]}
        />
      </Section>
      <Section title="Against the bounds">
        <Facts
          entries={[
            [
              'Upload memory',
              <Bound key="up" value={memory.uploadBytes} of={memory.uploadLimitBytes} name="Upload memory" />,
            ],
            [
              'Read memory',
              <Bound key="read" value={memory.readBytes} of={memory.readLimitBytes} name="Read memory" />,
            ],
            ['Whole process', formatBytes(memory.residentBytes)],
            [
              'Disk',
              <Bound key="disk" value={disk.sizeBytes - disk.freeBytes} of={disk.sizeBytes} name="Disk" />,
            ],
          ]}
        />
      </Section>
    </div>
  );
}

type Entries = readonly (readonly [string, ReactNode])[];

function nowEntries({ sessions, transfers, parkedUploads, s3 }: OverviewAnswer): Entries {
  return [
    [
      'Sessions',
      <Link key="live" href="/live">
        {formatCount(sessions)}
      </Link>,
    ],
    ['Transfers', `${transfers.uploads} up, ${transfers.downloads} down`],
    ['Rate', `${formatBytes(transfers.bytesPerSecond)}/s`],
    ['Parked uploads', formatCount(parkedUploads)],
    [
      'S3 latency',
      s3.meanSeconds === null ? 'no request yet' : `${(s3.meanSeconds * 1000).toFixed(0)} ms on average`,
    ],
    ['S3 retries', `${formatCount(s3.retries)} of ${formatCount(s3.requests)}`],
  ];
}

function dayEntries({ last24Hours: day, bans }: OverviewAnswer): Entries {
  return [
    ['Uploads', `${formatCount(day.uploads)}, ${formatBytes(day.bytesReceived)}`],
    ['Downloads', `${formatCount(day.downloads)}, ${formatBytes(day.bytesSent)}`],
    [
      'Failed',
      <Link key="failed" href="/audit?result=failed">
        {formatCount(day.failed)}
      </Link>,
    ],
    [
      'Logins',
      <Link key="logins" href="/audit?action=session.login">
        {formatCount(day.logins)}
      </Link>,
    ],
    [
      'Refused logins',
      <Link key="refused" href="/audit?action=session.refused">
        {formatCount(day.refusedLogins)}
      </Link>,
    ],
    [
      'Bans',
      <Link key="bans" href="/security">
        {formatCount(bans)}
      </Link>,
    ],
  ];
}

function Bound({ value, of, name }: { readonly value: number; readonly of: number; readonly name: string }) {
  const percent = of <= 0 ? 0 : Math.min(100, (value / of) * 100);
  return (
    <span className="bound">
      <span className="number">
        {formatBytes(value)} of {formatBytes(of)}
      </span>
      <Progress value={percent} aria-label={`${name}: ${percent.toFixed(0)} %`} size="xs" />
    </span>
  );
}
