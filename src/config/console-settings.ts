import { hour, second, setting } from './setting.js';
import {
  absoluteFile,
  duration,
  httpUrl,
  type ListenAddress,
  networkList,
  optionalListenAddress,
  optionalText,
  type Parsed,
  type ValueKind,
  yesNo,
} from './values.js';

const minute = 60_000;
const day = 24 * hour;

/** Roles by the names of groups at the identity provider. */
export type RolesByGroup = ReadonlyMap<string, string>;

const roleNames = ['viewer', 'operator', 'custodian', 'admin'];
const maxGroups = 100;

const rolesByGroup: ValueKind<RolesByGroup> = {
  form: 'GROUP=ROLE, separated by commas',
  parse: (text): Parsed<RolesByGroup> => {
    const found = new Map<string, string>();
    for (const part of text.split(',').filter((one) => one.trim() !== '')) {
      const [, group = '', role = ''] = /^\s*(.{1,200}?)\s*=\s*(\w+)\s*$/.exec(part) ?? [];
      if (!roleNames.includes(role)) {
        return { problem: `must be GROUP=ROLE with the roles ${roleNames.join(', ')}, separated by commas` };
      }
      found.set(group, role);
    }
    return found.size > maxGroups ? { problem: `has more than ${maxGroups} groups` } : { value: found };
  },
  format: (value) => [...value].map(([group, role]) => `${group}=${role}`).join(','),
};

/** The settings of the console's process. */
export const consoleSettings = {
  consoleListen: setting<ListenAddress | null>(
    'console.listen',
    optionalListenAddress,
    { host: '127.0.0.1', port: 8080 },
    'The address of the console and the API. Other than loopback needs console.tls.cert, or a TLS proxy in front.',
  ),
  consoleUrl: setting(
    'console.url',
    httpUrl,
    null,
    'The URL of the console for people, if it differs from its address, for instance behind a proxy.',
  ),
  consoleTlsCert: setting(
    'console.tls.cert',
    absoluteFile,
    null,
    'A PEM file with the certificate of the console, followed by those of its authorities. Empty: plain HTTP.',
  ),
  consoleTlsKey: setting(
    'console.tls.key',
    absoluteFile,
    null,
    'A PEM file with the private key of console.tls.cert.',
  ),
  consoleProxyFrom: setting(
    'console.proxy.from',
    networkList,
    null,
    'Addresses of proxies in front of the console. Their header X-Forwarded-For names the client. Empty: none.',
  ),
  consoleSessionIdleMs: setting(
    'console.session.idle',
    duration(5 * minute, 30 * day),
    hour,
    'How long a session of the console lasts without a request.',
  ),
  consoleSessionMaxMs: setting(
    'console.session.max',
    duration(10 * minute, 30 * day),
    12 * hour,
    'How long a session of the console lasts from the login on.',
  ),
  consoleFourEyes: setting(
    'console.four.eyes',
    yesNo,
    false,
    'Whether a second person must approve requests over the console and the API that destroy a key, allow weaker encryption, or change people or the settings of the console.',
  ),
  consoleOidcIssuer: setting(
    'console.oidc.issuer',
    httpUrl,
    null,
    'The URL of an OpenID provider whose people may log in at the console. https, except on loopback. Needs console.url. Empty: none.',
  ),
  consoleOidcClientId: setting(
    'console.oidc.client.id',
    optionalText,
    null,
    'The client id of this gateway at the OpenID provider. Its redirect URI is CONSOLE.URL/api/login/oidc/callback.',
  ),
  consoleOidcClientSecretFile: setting(
    'console.oidc.client.secret.file',
    absoluteFile,
    null,
    'A file (mode 0600) with the client secret. Empty: the variable SFTPGW_CONSOLE_OIDC_CLIENT_SECRET, else a public client.',
  ),
  consoleOidcLabel: setting(
    'console.oidc.label',
    optionalText,
    null,
    'The name of the OpenID provider on the login page. Empty: its host name.',
  ),
  consoleOidcScopes: setting(
    'console.oidc.scopes',
    optionalText,
    'openid profile email',
    'The scopes that the console requests from the OpenID provider. Some need `groups` too.',
  ),
  consoleOidcGroupsClaim: setting(
    'console.oidc.groups.claim',
    optionalText,
    'groups',
    'The claim of the ID token with the groups of a person, a list of texts.',
  ),
  consoleOidcRoles: setting<RolesByGroup>(
    'console.oidc.roles',
    rolesByGroup,
    new Map(),
    'The role of each group of the OpenID provider, such as `sftp-admins=admin,auditors=viewer`. The first group of this list that a person is in decides; people without one cannot log in.',
  ),
  filesEnabled: setting(
    'files.enabled',
    yesNo,
    false,
    'Whether users log in at /files of the console with their passwords, to list, send and fetch their files in a browser.',
  ),
  filesSessionIdleMs: setting(
    'files.session.idle',
    duration(60 * second, 24 * hour),
    hour / 2,
    'Time without a request after which a session of the files page ends.',
  ),
  filesSessionMaxMs: setting(
    'files.session.max',
    duration(60 * second, 30 * 24 * hour),
    12 * hour,
    'Age at which a session of the files page ends. The user then logs in again.',
  ),
};
