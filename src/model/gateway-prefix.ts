/**
 * What the gateway keeps for itself in the default bucket: probes of the start, and the sealed copy of keyring, users and settings. No
 * user's tree shows it.
 */
export const gatewayPrefix = '.sftpgw/';
