export { readCredentials } from './credentials.js';
export { type EmbeddedS3, type EmbeddedS3Options, startEmbeddedS3 } from './server.js';
export { DirectoryInUse } from './storage/directory-lock.js';
