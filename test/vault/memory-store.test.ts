import { MemoryStore } from '../../src/vault/testing/memory-store.js';
import { describeObjectStore } from '../conformance/object-store.js';

describeObjectStore('the store in memory', async () => ({
  store: new MemoryStore(),
  bucket: 'bucket',
  versioned: { store: new MemoryStore({ versioned: true }), bucket: 'bucket' },
  kmsKey: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  partBytes: 5 * 1024 * 1024,
  close: async () => undefined,
}));
