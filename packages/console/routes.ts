/**
 * The pages, as patterns of wouter and of the server, which answers each of them with the same document. A path that
 * is not here is not found.
 */
export const pages = [
  '/',
  '/welcome',
  '/login',
  '/first-run',
  '/users',
  '/users/:name',
  '/users/:name/sheet',
  '/objects',
  '/keys',
  '/keys/:key',
  '/rotations',
  '/rotations/:id',
  '/ledger',
  '/recovery',
  '/live',
  '/audit',
  '/mirrors',
  '/doctor',
  '/storage',
  '/security',
  '/webhooks',
  '/webhooks/:id',
  '/settings',
  '/admins',
  '/admins/:name',
  '/approvals',
  '/approvals/:id',
  '/account',
  '/jobs',
  '/search',
] as const;

export type Page = (typeof pages)[number];
