import { Component, type ReactNode } from 'react';
import { ProblemNotice } from '../parts/problem-notice.js';

/** Shows a fault of the page itself, such as a part that could not be loaded after an update of the gateway. */
export class Faults extends Component<{ readonly children: ReactNode }, { readonly error: unknown }> {
  override state: { readonly error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown): { readonly error: unknown } {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <div className="main">
        <ProblemNotice error={error} retry={() => window.location.reload()} />
      </div>
    );
  }
}
