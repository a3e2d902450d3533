/**
 * The access of an operation to a name. `list` also reads the names directly below it. `write` can create,
 * change or remove the name and all names below it.
 */
export interface PathClaim {
  readonly path: string;
  readonly access: 'read' | 'list' | 'write';
}

interface Running {
  readonly claims: readonly PathClaim[];
  readonly done: Promise<void>;
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory) && (directory === '/' || path.charCodeAt(directory.length) === 47);
}

function conflict(a: PathClaim, b: PathClaim): boolean {
  if (a.access !== 'write' && b.access !== 'write') return false;
  if (a.path === b.path) return true;
  if (a.access === 'write' && b.access === 'write') return isBelow(a.path, b.path) || isBelow(b.path, a.path);
  const [written, checked] = a.access === 'write' ? [a, b] : [b, a];
  return (
    isBelow(checked.path, written.path) || (checked.access === 'list' && isBelow(written.path, checked.path))
  );
}

/**
 * Runs requests about the same names in the order of arrival, and all others in parallel.
 * draft-ietf-secsh-filexfer-02 section 6.1 requires the same outcome as if the client had waited for each
 * reply.
 */
export class PathOrder {
  readonly #running = new Set<Running>();

  /** Runs `operation` at once, or after the earlier operations whose claims conflict with its own. */
  run<T>(claims: readonly PathClaim[], operation: () => Promise<T>): Promise<T> {
    const earlier: Promise<void>[] = [];
    for (const other of this.#running) {
      if (other.claims.some((theirs) => claims.some((ours) => conflict(theirs, ours))))
        earlier.push(other.done);
    }
    const result = earlier.length === 0 ? operation() : Promise.all(earlier).then(operation);
    const running: Running = {
      claims,
      done: result.then(
        () => void this.#running.delete(running),
        () => void this.#running.delete(running),
      ),
    };
    this.#running.add(running);
    return result;
  }
}
