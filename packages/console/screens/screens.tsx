import { type ComponentType, lazy, type ReactNode } from 'react';
import type { Page } from '../routes.js';

/** The headings of the navigation. The first pages have none. */
export const groups = ['', 'Files', 'Assurance', 'Storage', 'Gateway'] as const;

/** One page: its path, its code, which is loaded at the first visit, and its entry in the navigation. */
export interface Screen {
  readonly path: Page;
  readonly component: ComponentType;
  /** Null for the pages of single things. */
  readonly nav: { readonly group: (typeof groups)[number]; readonly label: string } | null;
}

/** Returns a page whose code is loaded at the first visit. */
function onDemand<K extends string>(
  load: () => Promise<{ readonly [N in K]: () => ReactNode }>,
  name: K,
): Screen['component'] {
  return lazy(async () => {
    const { [name]: component } = await load();
    return { default: component as () => ReactNode };
  });
}

/** All pages in the order of the navigation. */
export const screens: readonly Screen[] = [
  {
    path: '/',
    component: onDemand(() => import('./overview/overview.js'), 'Overview'),
    nav: { group: '', label: 'Overview' },
  },
  {
    path: '/first-run',
    component: onDemand(() => import('./first-run/first-run.js'), 'FirstRun'),
    nav: { group: '', label: 'First run' },
  },
  {
    path: '/users',
    component: onDemand(() => import('./users/users.js'), 'Users'),
    nav: { group: 'Files', label: 'Users' },
  },
  { path: '/users/:name', component: onDemand(() => import('./users/user.js'), 'User'), nav: null },
  { path: '/users/:name/sheet', component: onDemand(() => import('./users/sheet.js'), 'Sheet'), nav: null },
  {
    path: '/objects',
    component: onDemand(() => import('./objects/objects.js'), 'Objects'),
    nav: { group: 'Files', label: 'Objects' },
  },
  {
    path: '/keys',
    component: onDemand(() => import('./keys/keys.js'), 'Keys'),
    nav: { group: 'Assurance', label: 'Keys' },
  },
  { path: '/keys/:key', component: onDemand(() => import('./keys/key.js'), 'KeyPage'), nav: null },
  {
    path: '/rotations',
    component: onDemand(() => import('./rotations/rotations.js'), 'Rotations'),
    nav: { group: 'Assurance', label: 'Rotations' },
  },
  {
    path: '/rotations/:id',
    component: onDemand(() => import('./rotations/rotation.js'), 'RotationPage'),
    nav: null,
  },
  {
    path: '/ledger',
    component: onDemand(() => import('./ledger/ledger.js'), 'Ledger'),
    nav: { group: 'Assurance', label: 'Ledger' },
  },
  {
    path: '/recovery',
    component: onDemand(() => import('./recovery/recovery.js'), 'Recovery'),
    nav: { group: 'Assurance', label: 'Recovery' },
  },
  {
    path: '/live',
    component: onDemand(() => import('./live/live.js'), 'Live'),
    nav: { group: 'Files', label: 'Live' },
  },
  {
    path: '/audit',
    component: onDemand(() => import('./audit/audit.js'), 'Audit'),
    nav: { group: 'Assurance', label: 'Audit' },
  },
  {
    path: '/doctor',
    component: onDemand(() => import('./doctor/doctor.js'), 'Doctor'),
    nav: { group: 'Assurance', label: 'Doctor' },
  },
  {
    path: '/mirrors',
    component: onDemand(() => import('./mirrors/mirrors.js'), 'Mirrors'),
    nav: { group: 'Storage', label: 'Mirrors' },
  },
  {
    path: '/security',
    component: onDemand(() => import('./security/security.js'), 'Security'),
    nav: { group: 'Gateway', label: 'Security' },
  },
  {
    path: '/storage',
    component: onDemand(() => import('./storage/storage.js'), 'Storage'),
    nav: { group: 'Storage', label: 'Buckets' },
  },
  {
    path: '/webhooks',
    component: onDemand(() => import('./webhooks/webhooks.js'), 'Webhooks'),
    nav: { group: 'Gateway', label: 'Webhooks' },
  },
  {
    path: '/webhooks/:id',
    component: onDemand(() => import('./webhooks/webhook.js'), 'WebhookPage'),
    nav: null,
  },
  {
    path: '/settings',
    component: onDemand(() => import('./settings/settings.js'), 'Settings'),
    nav: { group: 'Gateway', label: 'Settings' },
  },
  {
    path: '/admins',
    component: onDemand(() => import('./admins/admins.js'), 'Admins'),
    nav: { group: 'Gateway', label: 'People' },
  },
  {
    path: '/admins/:name',
    component: onDemand(() => import('./admins/admin.js'), 'AdminPage'),
    nav: null,
  },
  {
    path: '/approvals',
    component: onDemand(() => import('./approvals/approvals.js'), 'Approvals'),
    nav: { group: 'Gateway', label: 'Approvals' },
  },
  {
    path: '/approvals/:id',
    component: onDemand(() => import('./approvals/approval.js'), 'ApprovalPage'),
    nav: null,
  },
  {
    path: '/jobs',
    component: onDemand(() => import('./jobs/jobs.js'), 'Jobs'),
    nav: { group: 'Gateway', label: 'Jobs' },
  },
  { path: '/account', component: onDemand(() => import('./account/account.js'), 'Account'), nav: null },
  { path: '/search', component: onDemand(() => import('./search/search.js'), 'Search'), nav: null },
];
