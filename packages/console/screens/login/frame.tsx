import { type ReactNode, useEffect } from 'react';
import { LockIcon } from '../../parts/icons.js';
import { ThemeButton } from '../../shell/account-menu.js';

/** The frame of pages without a login. */
export function LoginFrame({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · sftpgw`;
  }, [title]);
  return (
    <main className="login">
      <div className="login-brand">
        <LockIcon /> sftpgw
        <ThemeButton />
      </div>
      <h1>{title}</h1>
      {children}
    </main>
  );
}
