import { Answer } from '../../parts/loading.js';
import { PageLayout, Section } from '../../parts/page.js';
import { RelativeTime } from '../../parts/values.js';
import { ActivityChart } from './activity-chart.js';
import { attentionOf } from './attention.js';
import { AttentionList } from './attention-list.js';
import { type OverviewAnswer, useActivity, useOverview } from './data.js';
import { Figures } from './figures.js';
import { LastUploads } from './last-uploads.js';

/** The state of the gateway: first in one line, then what needs attention, then the figures. */
export function Overview() {
  const query = useOverview();
  const activity = useActivity();
  return (
    <PageLayout
      title="Overview"
      answer={query.data === undefined ? undefined : <Health overview={query.data} />}
    >
      <Answer query={query}>
        {(overview) => (
          <>
            <AttentionList items={attentionOf(overview)} />
            <Section title="Transfers of the last 24 hours">
              <Answer query={activity}>{(steps) => <ActivityChart activity={steps} />}</Answer>
            </Section>
            <LastUploads />
            <Figures overview={overview} />
            <p className="dim">
              Version {overview.version}, started <RelativeTime time={overview.started} />
            </p>
          </>
        )}
      </Answer>
    </PageLayout>
  );
}

function Health({ overview }: { readonly overview: OverviewAnswer }) {
  const failing = overview.health.checks.filter(({ isOk }) => !isOk);
  const items = attentionOf(overview);
  const urgent = items.filter(({ tone }) => tone === 'bad').length;
  if (failing.length > 0) {
    return (
      <b className="bad">The gateway cannot serve requests: {failing.map(({ name }) => name).join(', ')}.</b>
    );
  }
  if (urgent > 0) {
    return <b>The gateway runs, but {urgent === 1 ? 'one thing needs' : `${urgent} things need`} you now.</b>;
  }
  if (items.length > 0) return <b>The gateway runs. Nothing is urgent.</b>;
  return <b>The gateway runs, and everything that it checks is in order.</b>;
}
