import { Fault } from '../../model/fault.js';
import type { AttributeChange } from '../../model/vfs.js';
import { ownerId } from '../wire/encode-response.js';
import type { WireAttributes } from '../wire/requests.js';

/** Returns the change that a client's attributes request. Ignores owners: see `refuseChangeOfOwner`. */
export function attributeChange(wire: WireAttributes): AttributeChange {
  return {
    ...(wire.size !== undefined && { size: wire.size }),
    ...(wire.permissions !== undefined && { mode: wire.permissions & 0o7777 }),
    ...(wire.mtimeSeconds !== undefined && { mtimeSeconds: wire.mtimeSeconds }),
    ...(wire.atimeSeconds !== undefined && { atimeSeconds: wire.atimeSeconds }),
  };
}

/** Returns the attributes of a new file. Ignores the size, which results from the writes. */
export function initialAttributes(wire: WireAttributes): AttributeChange {
  const { size: _ignored, ...change } = attributeChange(wire);
  return change;
}

/** Throws `unsupported` if the attributes name another owner, even along with other changes. */
export function refuseChangeOfOwner(wire: WireAttributes): void {
  for (const id of [wire.uid, wire.gid]) {
    if (id !== undefined && id !== ownerId) {
      throw new Fault(
        'unsupported',
        'cannot change the owner: every file belongs to the user who is logged in',
      );
    }
  }
}
