import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A host that no name server knows. Only a proxy of the tests connects to it. */
export const proxiedHost = 's3.gateway.test';

/**
 * A self-signed certificate for `proxiedHost`, 127.0.0.1 and localhost, valid from 2020 to 2120, and its key. It
 * protects nothing, because the key is published here. It was created with `openssl ca -selfsign`.
 */
export const proxiedTls = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdG+b77/bNvCwX/yB
KNhq2Y3JpsqLavqSQG6j0oTUUwihRANCAAQkPnjQfs8srWt2N3ax8dZtr7Jc6VW5
BD02Lfi3ccTjPGreY6877wkSiNzNGB6++r29ok/F3xfR3YQGAz4CE2QN
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBezCCASCgAwIBAgIBATAKBggqhkjOPQQDAjAVMRMwEQYDVQQDDApwcm94eSB0
ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAVMRMwEQYDVQQD
DApwcm94eSB0ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEJD540H7PLK1r
djd2sfHWba+yXOlVuQQ9Ni34t3HE4zxq3mOvO+8JEojczRgevvq9vaJPxd8X0d2E
BgM+AhNkDaNfMF0wKwYDVR0RBCQwIocEfwAAAYIJbG9jYWxob3N0gg9zMy5nYXRl
d2F5LnRlc3QwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQU29GmS4tFsQ6MN0zm
FxwkMSwZKVQwCgYIKoZIzj0EAwIDSQAwRgIhANROkRrfi3pK6fRiv1ukbW3e1LGP
z7y2PRowIWBxKrddAiEAujrsU+QH+nc600gBoKT9ohdzD/Xpx49BHCEexfUD3Jo=
-----END CERTIFICATE-----
`,
};

/** Writes the certificate as a CA file into the directory and returns its path. */
export function writeProxiedCa(directory: string): string {
  const path = join(directory, 'proxied-ca.pem');
  writeFileSync(path, proxiedTls.cert);
  return path;
}
