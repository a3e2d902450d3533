import type { LoginDecision, OfferedKey, UserDirectory, UserLogin, UserLogins } from '../model/users.js';

/** Returns logins with one public key or one password each, checked by `verify`. Certificates are refused. */
export function plainLogins(users: Pick<UserDirectory, 'verify'>): UserLogins {
  return {
    begin: async (call, username, remoteAddress): Promise<UserLogin> => ({
      methods: (passed) => (passed.length > 0 ? [] : ['publickey', 'password']),
      publicKey: async (key: OfferedKey) => {
        if (key.kind === 'certificate') return null;
        const credential = { kind: 'public-key', algorithm: key.type, blob: key.blob } as const;
        return (await users.verify(call, username, credential, remoteAddress)) ? {} : null;
      },
      password: async (password): Promise<LoginDecision> => {
        const credential = { kind: 'password', password } as const;
        return (await users.verify(call, username, credential, remoteAddress)) ? 'accepted' : 'refused';
      },
      dialogue: () => ({ start: async () => ({ prompts: [] }), respond: async () => 'refused' }),
    }),
  };
}
