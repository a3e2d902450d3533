/**
 * True if the native add-on of the SSH server protects packets. Without it, transfers take two to three times
 * the CPU.
 */
export { hasNativeProtection as hasNativeCrypto } from '@sftpgw/ssh';
