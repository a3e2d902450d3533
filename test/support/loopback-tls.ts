import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A self-signed certificate for 127.0.0.1 and localhost, valid from 2020 to 2120, and its key. It protects
 * nothing, because the key is published here. It was created with `openssl ca -selfsign`, because Node.js
 * cannot create certificates.
 */
export const loopbackTls = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSvCEep2nO5NE1Ggh
AJqqG7ZGcjdibVgGWwzV0o71uvOhRANCAAQTSqpX/MSGP3VOYgsIjueenehFOo7S
3shbeZfd9Lk0Rvf2ZWNARRX/1/d751Of/GXmeqTZZeZ5UIoPnUORkIKc
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1sb29wYmFj
ayB0ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAYMRYwFAYD
VQQDDA1sb29wYmFjayB0ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEE0qq
V/zEhj91TmILCI7nnp3oRTqO0t7IW3mX3fS5NEb39mVjQEUV/9f3e+dTn/xl5nqk
2WXmeVCKD51DkZCCnKNOMEwwGgYDVR0RBBMwEYcEfwAAAYIJbG9jYWxob3N0MA8G
A1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFOM9HqfyhELKYVfOyyJNe4BxTDo9MAoG
CCqGSM49BAMCA0gAMEUCIHBHAdQcNAd/r8GE0hp7qN9n01FnaNraIsX59VcjcjX5
AiEA2VNntTrPU05fXREZkLi0E8a+A9c/3oW8HGF1DCMf53Q=
-----END CERTIFICATE-----
`,
};

/** Writes the certificate as a CA file into the directory and returns its path. */
export function writeLoopbackCa(directory: string): string {
  const path = join(directory, 'loopback-ca.pem');
  writeFileSync(path, loopbackTls.cert);
  return path;
}
