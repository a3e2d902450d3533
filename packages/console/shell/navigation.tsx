import { Link, useLocation } from 'wouter';
import { LockIcon } from '../parts/icons.js';
import { groups, screens } from '../screens/screens.js';

/** The list of pages. The page that a path belongs to is the current one. */
export function Navigation({ onChoose }: { readonly onChoose: () => void }) {
  const [path] = useLocation();
  return (
    <nav aria-label="Pages">
      <Link href="/" className="brand" onClick={onChoose}>
        <LockIcon />
        sftpgw
      </Link>
      {groups.map((group) => {
        const entries = screens.filter(({ nav }) => nav?.group === group);
        if (entries.length === 0) return null;
        return (
          <div key={group}>
            {group === '' ? null : <h2>{group}</h2>}
            <ul>
              {entries.map(({ path: to, nav }) => (
                <li key={to}>
                  <Link href={to} onClick={onChoose} aria-current={isWithin(path, to) ? 'page' : undefined}>
                    {nav?.label}
                  </Link>
                </li>
              ))}
            </ul>
          </div>
        );
      })}
    </nav>
  );
}

function isWithin(path: string, page: string): boolean {
  return path === page || (page !== '/' && path.startsWith(`${page}/`));
}
