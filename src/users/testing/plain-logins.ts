import { fingerprintOf } from '@sftpgw/ssh/keys';
import type { Call } from '../../model/call.js';
import type { LoginDecision, OfferedKey, UserLogin, UserLogins } from '../../model/users/logins.js';

/** A password, or a public key in SSH wire form (RFC 4253 section 6.6). */
export type Credential =
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'public-key'; readonly algorithm: string; readonly blob: Uint8Array };

/** Decides about a credential. */
export type Verify = (
  call: Call,
  username: string,
  credential: Credential,
  remoteAddress: string,
) => Promise<boolean>;

/** Returns logins with one public key or one password each, checked by `verify`. Certificates are refused. */
export function plainLogins({ verify }: { readonly verify: Verify }): UserLogins {
  return {
    begin: async (call, username, remoteAddress): Promise<UserLogin> => ({
      methods: (passed) => (passed.length > 0 ? [] : ['publickey', 'password']),
      publicKey: async (key: OfferedKey) => {
        if (key.kind === 'certificate') return null;
        const credential = { kind: 'public-key', algorithm: key.type, blob: key.blob } as const;
        return (await verify(call, username, credential, remoteAddress)) ? {} : null;
      },
      password: async (password): Promise<LoginDecision> => {
        const credential = { kind: 'password', password } as const;
        return (await verify(call, username, credential, remoteAddress)) ? 'accepted' : 'refused';
      },
      dialogue: () => ({ start: async () => ({ prompts: [] }), respond: async () => 'refused' }),
    }),
  };
}

/** Returns whether one key or password alone opens an account. */
export async function opens(
  logins: UserLogins,
  call: Call,
  username: string,
  credential: Credential,
  remoteAddress: string,
): Promise<boolean> {
  const login = await logins.begin(call, username, remoteAddress);
  login.methods([]);
  if (credential.kind === 'password') return (await login.password(credential.password)) === 'accepted';
  const fingerprint = fingerprintOf(credential.blob);
  const key = { kind: 'plain', type: credential.algorithm, blob: credential.blob, fingerprint } as const;
  return (await login.publicKey(key)) !== null;
}
