/** The result of a file system operation: a value, or the kind of its fault. */
export type Outcome = { readonly value: unknown } | { readonly fault: string };

type Node = { content: string } | { children: Map<string, Node> };
type Directory = Extract<Node, { children: unknown }>;

class Refusal extends Error {}

function refuse(kind: string): never {
  throw new Refusal(kind);
}

function isDirectory(node: Node): node is Directory {
  return 'children' in node;
}

/** A minimal POSIX file system that mounts are compared with. Paths are relative to the mount. */
export class ReferenceTree {
  readonly #root: Directory = { children: new Map() };

  write(path: string, content: string): Outcome {
    return this.#answer(() => {
      const [directory, name] = this.#parent(path);
      const there = directory.children.get(name);
      if (there !== undefined && isDirectory(there)) refuse('is-directory');
      directory.children.set(name, { content });
    });
  }

  read(path: string): Outcome {
    return this.#answer(() => {
      const node = this.#find(path) ?? refuse('not-found');
      return isDirectory(node) ? refuse('is-directory') : node.content;
    });
  }

  /** Returns type and size, or null if there is no such path. */
  stat(path: string): Outcome {
    return this.#answer(() => {
      const node = this.#find(path);
      if (node === null) return null;
      return isDirectory(node) ? 'directory' : `file of ${node.content.length}`;
    });
  }

  list(path: string): Outcome {
    return this.#answer(() => {
      const node = this.#find(path) ?? refuse('not-found');
      if (!isDirectory(node)) refuse('not-directory');
      return [...node.children].map(([name, child]) => (isDirectory(child) ? `${name}/` : name)).sort();
    });
  }

  mkdir(path: string): Outcome {
    return this.#answer(() => {
      const [directory, name] = this.#parent(path);
      if (directory.children.has(name)) refuse('exists');
      directory.children.set(name, { children: new Map() });
    });
  }

  rmdir(path: string): Outcome {
    return this.#answer(() => {
      const [directory, name] = this.#parent(path);
      const node = directory.children.get(name) ?? refuse('not-found');
      if (!isDirectory(node)) refuse('not-directory');
      if (node.children.size > 0) refuse('not-empty');
      directory.children.delete(name);
    });
  }

  remove(path: string): Outcome {
    return this.#answer(() => {
      const [directory, name] = this.#parent(path);
      const node = directory.children.get(name) ?? refuse('not-found');
      if (isDirectory(node)) refuse('is-directory');
      directory.children.delete(name);
    });
  }

  rename(from: string, to: string, replace: boolean): Outcome {
    return this.#answer(() => {
      const [source, oldName] = this.#parent(from);
      const [target, newName] = this.#parent(to);
      const node = source.children.get(oldName) ?? refuse('not-found');
      const there = target.children.get(newName);
      if (there !== undefined && !replace) refuse('exists');
      if (there === node) return;
      if (to.startsWith(`${from}/`)) refuse('invalid');
      if (there !== undefined) refuseReplacing(node, there);
      source.children.delete(oldName);
      target.children.set(newName, node);
    });
  }

  #answer(operation: () => unknown): Outcome {
    try {
      return { value: operation() };
    } catch (error) {
      if (error instanceof Refusal) return { fault: error.message };
      throw error;
    }
  }

  #find(path: string): Node | null {
    let node: Node = this.#root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (!isDirectory(node)) return null;
      const child = node.children.get(name);
      if (child === undefined) return null;
      node = child;
    }
    return node;
  }

  #parent(path: string): [Directory, string] {
    const end = path.lastIndexOf('/');
    const above = path.slice(0, end);
    for (let upTo = above; upTo !== ''; upTo = upTo.slice(0, upTo.lastIndexOf('/'))) {
      const node = this.#find(upTo);
      if (node !== null && !isDirectory(node)) refuse('not-directory');
    }
    const directory = this.#find(above) ?? refuse('not-found');
    if (!isDirectory(directory)) refuse('not-directory');
    return [directory, path.slice(end + 1)];
  }
}

/** Throws unless rename(2) may replace the target: a file replaces a file, a directory an empty directory. */
function refuseReplacing(node: Node, there: Node): void {
  if (isDirectory(there) && !isDirectory(node)) refuse('is-directory');
  if (!isDirectory(there) && isDirectory(node)) refuse('not-directory');
  if (isDirectory(there) && there.children.size > 0) refuse('not-empty');
}
