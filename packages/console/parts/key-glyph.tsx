import { Link } from 'wouter';
import { useKeyLabel } from '../api/key-labels.js';

const cells = 5;
const half = 3;
const shownDigits = 8;

/** Returns the 15 cells of the left half, and the hue: both depend on the first 24 bits of the fingerprint. */
export function glyphOf(id: string): { readonly hue: number; readonly isSet: readonly boolean[] } {
  const bits = Number.parseInt(id.slice(0, 6).padEnd(6, '0'), 16) || 0;
  const isSet = Array.from({ length: cells * half }, (_, index) => ((bits >> index) & 1) === 1);
  return { hue: Math.round(((bits >> 15) / 512) * 360), isSet };
}

/** The small picture of a key, always the same for one fingerprint. It precedes the key's name. */
export function Glyph({ id, size = 16 }: { readonly id: string; readonly size?: number }) {
  const { hue, isSet } = glyphOf(id);
  const squares = Array.from({ length: cells * cells }, (_, index) => {
    const [x, y] = [index % cells, Math.floor(index / cells)];
    return { x, y, set: isSet[y * half + (x < half ? x : cells - 1 - x)] === true };
  });
  return (
    <svg
      width={size}
      height={size}
      viewBox={`-0.5 -0.5 ${cells + 1} ${cells + 1}`}
      aria-hidden="true"
      style={{ color: `hsl(${hue} 70% var(--glyph-l))` }}
    >
      <rect
        x="-0.5"
        y="-0.5"
        width={cells + 1}
        height={cells + 1}
        rx="1"
        fill="currentColor"
        opacity="0.18"
      />
      {squares.map(({ x, y, set }) =>
        set ? <rect key={`${x},${y}`} x={x} y={y} width="1" height="1" fill="currentColor" /> : null,
      )}
    </svg>
  );
}

/** The parts of a key that the console shows. */
export interface ShownKey {
  /** The fingerprint. */
  readonly id: string;
  /** Null or empty if the key has none; undefined if the caller does not know it, so that the keyring is asked. */
  readonly label?: string | null;
}

/** A key: glyph, label and the first 8 digits of its fingerprint, as a link to its page. Null shows `none`. */
export function KeyGlyph({
  value,
  none = 'no key',
}: {
  readonly value: ShownKey | null;
  readonly none?: string;
}) {
  return value === null ? <span className="dim">{none}</span> : <Named value={value} />;
}

function Named({ value: { id, label: known } }: { readonly value: ShownKey }) {
  const found = useKeyLabel(id, known === undefined);
  const label = known === undefined ? found : known;
  return (
    <Link href={`/keys/${id}`} className="key" title={id}>
      <Glyph id={id} />
      {label ? <span className="label">{label}</span> : null}
      <code>{id.slice(0, shownDigits)}</code>
    </Link>
  );
}
