import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import type { ItemOf } from '../../api/endpoints.js';
import { useAll } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { csvOf, saveText } from '../../parts/csv.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { ClearFilters, FilterChoice, type Filters, FilterText, useFilters } from '../../parts/filters.js';
import { countOf } from '../../parts/format.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { PageLayout } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { Mono, RelativeTime } from '../../parts/values.js';
import { CreateUser } from './create-user.js';
import { credentialsOf, encryptionWords, stateOf, type User } from './words.js';

const columns: readonly Column<User>[] = [
  {
    id: 'name',
    header: 'User',
    sortBy: ({ username }) => username,
    cell: ({ username }) => <Link href={`/users/${username}`}>{username}</Link>,
  },
  {
    id: 'state',
    header: 'State',
    width: 112,
    sortBy: (user) => stateOf(user)[1],
    cell: (user) => <Status tone={stateOf(user)[0]}>{stateOf(user)[1]}</Status>,
  },
  {
    id: 'login',
    header: 'Login',
    width: 132,
    fromWidth: 720,
    sortBy: credentialsOf,
    cell: credentialsOf,
  },
  {
    id: 'encryption',
    header: 'Encryption',
    width: 124,
    fromWidth: 1000,
    sortBy: ({ encryption }) => encryption,
    cell: ({ encryption }) => encryptionWords[encryption],
  },
  {
    id: 'key',
    header: 'Key',
    width: 236,
    fromWidth: 480,
    sortBy: ({ keyId }) => keyId,
    cell: ({ keyId }) => <KeyGlyph value={keyId === null ? null : { id: keyId }} none="none" />,
  },
  {
    id: 'prefix',
    header: 'Location',
    fromWidth: 1280,
    sortBy: ({ prefix }) => prefix,
    cell: ({ prefix }) => <Mono>{prefix}</Mono>,
  },
  {
    id: 'lastLogin',
    header: 'Last login',
    width: 110,
    isNumber: true,
    fromWidth: 720,
    sortBy: ({ lastLogin }) => lastLogin,
    cell: ({ lastLogin }) => <RelativeTime time={lastLogin} />,
  },
  {
    id: 'lastFile',
    header: 'Last file',
    width: 110,
    isNumber: true,
    sortBy: ({ lastFile }) => lastFile,
    cell: ({ lastFile }) => <RelativeTime time={lastFile} />,
  },
];

/** All users. The filters are applied in the browser, because the whole list is here. */
export function Users() {
  const query = useAll('listUsers');
  const filters = useFilters();
  const [isCreating, setCreating] = useState(false);
  const keys = useAll('listKeys', {}, { freshMs: keysFreshMs });
  const isShown = shownBy(filters, keys.data?.items ?? []);
  return (
    <PageLayout
      title="Users"
      answer={query.data === undefined ? undefined : answerOf(query.data.items)}
      actions={
        <>
          <Button variant="default" onClick={() => saveCsv((query.data?.items ?? []).filter(isShown))}>
            Save as CSV
          </Button>
          {useMay('operator') ? <Button onClick={() => setCreating(true)}>Create user</Button> : null}
        </>
      }
    >
      <div className="filters">
        <FilterText filters={filters} name="name" label="Name" />
        <FilterText filters={filters} name="key" label="Key: label or fingerprint" />
        <FilterChoice filters={filters} name="state" label="State" options={states} />
        <FilterChoice filters={filters} name="login" label="Login" options={logins} />
        <FilterChoice
          filters={filters}
          name="encryption"
          label="Encryption"
          options={Object.entries(encryptionWords)}
        />
        <FilterChoice filters={filters} name="idle" label="Last login" options={idleTimes} />
        <ClearFilters filters={filters} />
      </div>
      <DataTable
        label="Users"
        columns={columns}
        query={query}
        rowKey={({ username }) => username}
        filters={filters}
        isShown={isShown}
        noun={['user', 'users']}
        empty={
          <>
            <p>There is no user yet. A user gets an SSH key or a password, and a place in the bucket.</p>
            <Command text="sftpgw user add NAME --sse 3 --generate-sse-key --public-key-file id.pub" />
          </>
        }
      />
      <Command text="sftpgw user list" />
      {isCreating ? <CreateUser model={null} onClose={() => setCreating(false)} /> : null}
    </PageLayout>
  );
}

const states = [
  ['active', 'active'],
  ['disabled', 'disabled'],
  ['expired', 'expired'],
  ['no login', 'no login'],
  ['problem', 'problem'],
] as const;

const logins = [
  ['key', 'SSH key'],
  ['password', 'password'],
  ['totp', 'TOTP'],
  ['none', 'none'],
] as const;

const hasLogin: Readonly<Record<string, (user: User) => boolean>> = {
  key: ({ publicKeys }) => publicKeys.length > 0,
  password: ({ hasPassword }) => hasPassword,
  totp: ({ hasTotp }) => hasTotp,
  none: (user) => credentialsOf(user) === 'none',
};

/** Labels of keys change rarely. */
const keysFreshMs = 60_000;

/** Days without a login. */
const idleTimes = [
  ['0', 'never'],
  ['30', 'not for 30 days'],
  ['90', 'not for 90 days'],
] as const;

function isIdle({ lastLogin }: User, days: string): boolean {
  if (days === '' || lastLogin === null) return true;
  return days !== '0' && Date.now() - Date.parse(lastLogin) > Number(days) * 86_400_000;
}

/** Returns the ids of the keys whose label has this text or whose fingerprint begins with it. */
function idsOf(keys: readonly ItemOf<'listKeys'>[], text: string): ReadonlySet<string> {
  const wanted = text.toLowerCase();
  const found = keys.filter(
    ({ id, label }) => id.startsWith(wanted) || (label ?? '').toLowerCase().includes(wanted),
  );
  return new Set(found.map(({ id }) => id));
}

function shownBy(filters: Filters, keys: readonly ItemOf<'listKeys'>[]): (user: User) => boolean {
  const [name, state, login, encryption, key, idle] = [
    'name',
    'state',
    'login',
    'encryption',
    'key',
    'idle',
  ].map(filters.get) as [string, string, string, string, string, string];
  const ids = idsOf(keys, key);
  return (user) =>
    user.username.toLowerCase().includes(name.toLowerCase()) &&
    (state === '' || stateOf(user)[1] === state) &&
    (login === '' || hasLogin[login]?.(user) === true) &&
    (encryption === '' || user.encryption === encryption) &&
    (key === '' || [user.keyId, user.downloadsKeyId].some((id) => id !== null && ids.has(id))) &&
    isIdle(user, idle);
}

function answerOf(users: readonly User[]): string {
  const unable = users.filter((user) => stateOf(user)[0] !== 'good').length;
  if (users.length === 0) return 'There is no user yet.';
  return unable === 0
    ? `All ${countOf(users.length, 'user')} can log in.`
    : `${countOf(users.length, 'user')}, ${unable} of them disabled, expired or with a problem.`;
}

function saveCsv(users: readonly User[]): void {
  const header = [
    'username',
    'state',
    'login',
    'encryption',
    'key',
    'bucket',
    'prefix',
    'lastLogin',
    'lastFile',
  ];
  const rows = users.map((user) => [
    user.username,
    stateOf(user)[1],
    credentialsOf(user),
    user.encryption,
    user.keyId,
    user.bucket,
    user.prefix,
    user.lastLogin,
    user.lastFile,
  ]);
  saveText('users.csv', csvOf(header, rows), 'text/csv');
}
