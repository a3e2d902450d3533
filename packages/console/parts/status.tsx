import type { ReactNode } from 'react';
import { BadIcon, BusyIcon, GoodIcon, PlainIcon, WarnIcon } from './icons.js';

export type Tone = 'good' | 'warn' | 'bad' | 'plain' | 'busy';

const shapes: Readonly<Record<Tone, () => ReactNode>> = {
  good: GoodIcon,
  warn: WarnIcon,
  bad: BadIcon,
  plain: PlainIcon,
  busy: BusyIcon,
};

/** A state: shape, word and colour together. The word is the content. */
export function Status({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  const Shape = shapes[tone];
  return (
    <span className="status" data-tone={tone}>
      <Shape />
      <span>{children}</span>
    </span>
  );
}
