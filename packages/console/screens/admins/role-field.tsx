import { NativeSelect } from '@mantine/core';
import { roles } from './words.js';

/** Chooses a role, with what it may do. */
export function RoleField({ value, set }: { readonly value: string; readonly set: (role: string) => void }) {
  return (
    <NativeSelect
      label="Role"
      required
      value={value}
      onChange={(event) => set(event.currentTarget.value)}
      data={roles.map(([role, may]) => ({ value: role, label: `${role}: ${may}` }))}
    />
  );
}
