/**
 * Prefix of the gateway's own objects in the default bucket: the probes at start, and the sealed
 * copy of the keyring, the users and the settings. No user sees it.
 */
export const gatewayPrefix = '.sftpgw/';
