import { Fault } from '../../model/fault.js';
import type { AttributeChange } from '../../model/vfs.js';
import { ownerId } from '../wire/encode-response.js';
import type { WireAttributes } from '../wire/requests.js';

/** What the client's attributes ask of the tree. Owners are left out: see `refuseChangeOfOwner`. */
export function attributeChange(wire: WireAttributes): AttributeChange {
  return {
    ...(wire.size !== undefined && { size: wire.size }),
    ...(wire.permissions !== undefined && { mode: wire.permissions & 0o7777 }),
    ...(wire.mtimeSeconds !== undefined && { mtimeSeconds: wire.mtimeSeconds }),
    ...(wire.atimeSeconds !== undefined && { atimeSeconds: wire.atimeSeconds }),
  };
}

/** As `attributeChange`, for a file or directory that is made: its size is what will be written. */
export function initialAttributes(wire: WireAttributes): AttributeChange {
  const { size: _ignored, ...change } = attributeChange(wire);
  return change;
}

/** Everything belongs to the user who logged in. Throws `unsupported` for another owner, alone or beside other changes. */
export function refuseChangeOfOwner(wire: WireAttributes): void {
  for (const id of [wire.uid, wire.gid]) {
    if (id !== undefined && id !== ownerId) {
      throw new Fault('unsupported', 'files here have no other owner than the user who is logged in');
    }
  }
}
