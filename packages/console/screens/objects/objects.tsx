import { useFilters } from '../../parts/filters.js';
import { ObjectList } from './object-list.js';
import { ObjectPage } from './object-page.js';

/** Objects in S3 with the key of each: a list, or one object, which `object` in the URL names. */
export function Objects() {
  const { get } = useFilters();
  const [bucket, key] = [get('bucket'), get('object')];
  return key === '' ? <ObjectList /> : <ObjectPage key={key} place={{ bucket, key }} />;
}
