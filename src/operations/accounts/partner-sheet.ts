import { hostname } from 'node:os';
import type { GatewaySettings } from '../../config/settings.js';
import type { UserSummary } from '../../model/users.js';

/** A folder that a partner sees. */
export interface SheetFolder {
  readonly path: string;
  readonly meaning: string;
  /** The rights there, separated by commas. */
  readonly rights: string;
}

/** Everything that a partner needs to connect. It contains no secret. */
export interface PartnerSheet {
  readonly username: string;
  readonly host: string;
  readonly port: number;
  readonly hostKeys: readonly { readonly type: string; readonly fingerprint: string }[];
  /** Sequences of methods, each separated by commas. */
  readonly loginMethods: readonly string[];
  readonly folders: readonly SheetFolder[];
  readonly commands: readonly { readonly program: string; readonly command: string }[];
  /** The whole sheet as text, to print or to send. */
  readonly text: string;
}

/** The facts of a sheet. `hostKeys` are texts such as `ssh-ed25519 SHA256:...`. */
export interface SheetFacts {
  readonly user: UserSummary;
  readonly hostKeys: readonly string[];
  readonly settings: Pick<GatewaySettings, 'sftpPublicAddress' | 'sftpListen'>;
}

/** Returns the sheet of a user. The address is `sftp.public.address`, else this machine's name and port. */
export function partnerSheet({ user, hostKeys, settings }: SheetFacts): PartnerSheet {
  const { host, port } = addressOf(settings);
  const { username } = user;
  const sheet: Omit<PartnerSheet, 'text'> = {
    username,
    host,
    port,
    hostKeys: hostKeys.map((line) => {
      const [type = '', fingerprint = ''] = line.split(' ');
      return { type, fingerprint };
    }),
    loginMethods: user.loginMethods.split(' ').filter((methods) => methods !== ''),
    folders: foldersOf(user),
    commands: commandsFor(username, host, port),
  };
  return { ...sheet, text: textOf(sheet) };
}

function addressOf({ sftpPublicAddress, sftpListen }: SheetFacts['settings']) {
  if (sftpPublicAddress !== null) return sftpPublicAddress;
  const isAny = ['0.0.0.0', '::'].includes(sftpListen.host);
  return { host: isAny ? hostname() : sftpListen.host, port: sftpListen.port };
}

function foldersOf({ uploadRights, downloads, shared, local }: UserSummary): readonly SheetFolder[] {
  const uploads = { path: '/uploads', meaning: 'files that you send', rights: uploadRights };
  return [
    uploads,
    ...(downloads ? [{ path: '/downloads', meaning: 'files for you', rights: 'list,read' }] : []),
    ...(shared ? [{ path: '/shared', meaning: 'files for all partners', rights: 'list,read' }] : []),
    ...(local ? [{ path: '/local', meaning: 'files on the gateway itself', rights: 'all' }] : []),
  ];
}

function commandsFor(username: string, host: string, port: number): PartnerSheet['commands'] {
  const bracketed = host.includes(':') ? `[${host}]` : host;
  // In a URL, an e-mail address as the user needs an escaped @.
  const escaped = encodeURIComponent(username);
  const url = `sftp://${escaped}@${bracketed}${port === 22 ? '' : `:${port}`}/uploads/`;
  const at = port === 22 ? '' : `-P ${port} `;
  return [
    { program: 'OpenSSH', command: `sftp ${at}${quoted(`${username}@${bracketed}`)}` },
    {
      program: 'scp',
      command: `scp ${at}FILE ${quoted(`${username}@${bracketed}:/uploads/`)}`,
    },
    { program: 'curl', command: `curl --key KEY_FILE -T FILE ${quoted(url)}` },
    { program: 'lftp', command: `lftp ${quoted(url)}` },
    {
      program: 'rclone',
      command: `rclone copy FILE ${quoted(`:sftp,host='${host}',port=${port},user='${username}',key_file=KEY_FILE:/uploads`)}`,
    },
    { program: 'WinSCP, FileZilla', command: url },
  ];
}

/** Quotes a word for a shell if it needs it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./[\]-]+$/.test(word) ? word : `"${word.replaceAll(/[\\"$`]/g, '\\$&')}"`;
}

function textOf({
  username,
  host,
  port,
  hostKeys,
  loginMethods,
  folders,
  commands,
}: Omit<PartnerSheet, 'text'>) {
  const rows = (items: readonly (readonly [name: string, value: string])[]) => {
    const width = Math.max(...items.map(([name]) => name.length));
    return items.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  };
  return [
    `SFTP access for ${username}`,
    '',
    ...rows([
      ['host', host],
      ['port', String(port)],
      ['user name', username],
      ['login', loginMethods.map((methods) => methods.replaceAll(',', ' and ')).join(', or ')],
    ]),
    '',
    'Host keys: compare one of them with what your client shows at the first connection',
    ...rows(hostKeys.map(({ type, fingerprint }) => [type, fingerprint])),
    '',
    'Folders',
    ...rows(folders.map(({ path, meaning, rights }) => [path, `${meaning} (${rights})`])),
    '',
    'Commands',
    ...rows(commands.map(({ program, command }) => [program, command])),
    '',
  ].join('\n');
}
