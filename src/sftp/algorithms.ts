/** The algorithms that the SSH server offers, by their purpose, the preferred first. */
export { supportedAlgorithms } from '@sftpgw/ssh';
