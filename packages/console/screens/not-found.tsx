import { Link } from 'wouter';
import { PageLayout } from '../parts/page.js';

/** A path without a page. */
export function NotFound() {
  return (
    <PageLayout title="Not found" answer="There is no such page.">
      <div className="notice-box">
        <Link href="/">Go to the overview</Link>
      </div>
    </PageLayout>
  );
}
