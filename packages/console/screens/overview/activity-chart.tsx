import { countOf, formatBytes } from '../../parts/format.js';
import type { Activity, ActivityStep } from './data.js';

const bars = 96;
const half = 40;

/** Uploads above the line and downloads below it, over 24 hours. The text above it has the sums. */
export function ActivityChart({ activity: { items } }: { readonly activity: Activity }) {
  const size = Math.max(1, Math.ceil(items.length / bars));
  const groups = Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
    items.slice(at * size, (at + 1) * size),
  );
  const received = groups.map((group) => sumOf(group, 'bytesReceived'));
  const sent = groups.map((group) => sumOf(group, 'bytesSent'));
  const top = Math.max(...received, ...sent, 1);
  const summary = `${countOf(sumOf(items, 'uploads'), 'upload')} of ${formatBytes(sumOf(items, 'bytesReceived'))}, ${countOf(sumOf(items, 'downloads'), 'download')} of ${formatBytes(sumOf(items, 'bytesSent'))}`;
  return (
    <figure className="chart">
      <figcaption>
        {summary}.{' '}
        <span className="dim">
          Uploads are above the line, downloads below it. The highest bar is {formatBytes(top)} in{' '}
          {Math.round(1440 / Math.max(1, groups.length))} minutes.
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${groups.length * 10} ${2 * half + 2}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={summary}
      >
        <rect className="axis" x="0" y={half} width={groups.length * 10} height="1" />
        {groups.map((group, at) => {
          const [up, down] = [heightOf(received[at] ?? 0, top), heightOf(sent[at] ?? 0, top)];
          return (
            <g key={group[0]?.start}>
              <title>
                {`${group[0]?.start}: ${formatBytes(received[at] ?? 0)} received, ${formatBytes(sent[at] ?? 0)} sent`}
              </title>
              <rect className="hit" x={at * 10} y="0" width="10" height={2 * half + 2} />
              <rect className="up" x={at * 10 + 1.5} y={half - up} width="7" height={up} />
              <rect className="down" x={at * 10 + 1.5} y={half + 1} width="7" height={down} />
            </g>
          );
        })}
      </svg>
      <div className="chart-times dim">
        <span>24 h ago</span>
        <span>12 h ago</span>
        <span>now</span>
      </div>
    </figure>
  );
}

function sumOf(
  steps: readonly ActivityStep[],
  name: 'uploads' | 'downloads' | 'bytesReceived' | 'bytesSent',
): number {
  return steps.reduce((sum, step) => sum + step[name], 0);
}

/** Small amounts beside large ones stay visible. */
function heightOf(value: number, top: number): number {
  return value === 0 ? 0 : Math.max(1.5, (value / top) * half);
}
