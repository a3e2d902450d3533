/** The address of the browser, as the console's process states it to the gateway. */
export const filesAddressHeader = 'x-sftpgw-address';
/** `no` if the browser reaches the console over plain HTTP on loopback. */
export const filesSecureHeader = 'x-sftpgw-secure';
/** The token that a change needs. The page gets it with the session. */
export const filesCsrfHeader = 'x-sftpgw-csrf';
/** The path of the page and of its requests. */
export const filesPath = '/files';
/** A cookie of the page. */
export const filesCookie = /^(?:__Secure-)?sftpgw-files=/;
