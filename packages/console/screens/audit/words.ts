import { useQuery } from '@tanstack/react-query';
import { send } from '../../api/client.js';
import type { ItemOf } from '../../api/endpoints.js';

export type AuditEvent = ItemOf<'listAudit'>;

const verbs: Readonly<Record<string, string>> = {
  'session.login': 'logged in',
  'session.refused': 'was refused',
  'session.end': 'logged out',
  'session.disconnect': 'ended a session',
  'file.open': 'opened',
  'file.read': 'downloaded',
  'file.write': 'uploaded',
  'file.copy': 'copied',
  'file.rename': 'renamed',
  'file.remove': 'removed',
};

/** Returns what an event reports, in words where there are some. */
export function verbOf(action: string): string {
  return verbs[action] ?? action.replace('.', ' ');
}

interface Described {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly parameters?: readonly {
              readonly name: string;
              readonly schema: { readonly enum?: readonly string[] };
            }[];
          }
        >
      >
    >
  >;
}

/** Returns the actions that the trail knows, as the API describes them. Empty until they are read. */
export function useActions(): readonly string[] {
  const { data } = useQuery({
    queryKey: ['openapi'],
    queryFn: async ({ signal }) => (await send<Described>('GET', '/api/openapi.json', { signal })).value,
    staleTime: Number.POSITIVE_INFINITY,
    select: ({ paths }) =>
      paths['/api/audit']?.['get']?.parameters?.find(({ name }) => name === 'action')?.schema.enum ?? [],
  });
  return data ?? [];
}
