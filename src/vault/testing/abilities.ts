import { Fault } from '../../model/fault.js';
import type { MemoryStoreOptions } from './memory-store.js';
import type { VaultWorld } from './vault-world.js';

/** The abilities of an S3 server. A test that runs with each of them proves more than one server. */
export interface Ability {
  readonly name: string;
  readonly options: MemoryStoreOptions;
  /** Whether a removal can require an ETag (If-Match of DeleteObject). */
  readonly comparesEtags: boolean;
}

export const abilities: readonly Ability[] = [
  { name: 'everything', options: {}, comparesEtags: true },
  { name: 'no checksum', options: { answersChecksum: false }, comparesEtags: true },
  { name: 'versions', options: { versioned: true }, comparesEtags: true },
  {
    name: 'versions without a checksum',
    options: { versioned: true, answersChecksum: false },
    comparesEtags: true,
  },
  { name: 'MD5 ETags', options: { etagIsMd5: true }, comparesEtags: true },
  { name: 'no access to tags', options: { permitsTags: false }, comparesEtags: true },
  { name: 'no conditional removal', options: {}, comparesEtags: false },
  {
    name: 'none of these',
    options: { etagIsMd5: true, answersChecksum: false, permitsTags: false },
    comparesEtags: false,
  },
];

/** Lets the store refuse what the server cannot do. The hooks of a test are added to it. */
export function limitTo({ comparesEtags }: Ability, { store }: VaultWorld): void {
  if (comparesEtags) return;
  store.hooks = {
    ...store.hooks,
    beforeRemoval: ({ ifMatch }) => {
      if (ifMatch !== undefined) throw new Fault('unsupported', 'no conditional removals');
    },
  };
}
