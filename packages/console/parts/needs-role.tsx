import type { ReactNode } from 'react';
import { useMe } from '../api/hooks.js';
import { type Role, useMay } from '../api/roles.js';

/** Shows a page's content to people whose role may read it, and the reason to the others. */
export function NeedsRole({ needs, children }: { readonly needs: Role; readonly children: ReactNode }) {
  const isAllowed = useMay(needs);
  const { data: me } = useMe();
  if (isAllowed) return children;
  return (
    <div className="notice-box">
      <p>
        This page needs the role <b>{needs}</b>. You have the role <b>{me?.role}</b>.
      </p>
    </div>
  );
}
