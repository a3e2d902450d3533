import { Link } from 'wouter';
import type { ObjectPlace } from '../../api/bytes.js';
import { PathEnd } from '../../parts/values.js';
import { objectPage } from './location.js';

/** A link to the page of an object. Only the end of a long key is visible; `title` is the whole text. */
export function ObjectLink({
  place: { bucket, key },
  title = key,
}: {
  readonly place: ObjectPlace;
  readonly title?: string;
}) {
  return (
    <Link href={objectPage({ bucket, key })} title={title}>
      <PathEnd>{key}</PathEnd>
    </Link>
  );
}
