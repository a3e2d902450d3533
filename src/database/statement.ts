import { type Compilable, CompiledQuery, type Kysely } from 'kysely';
import type { DatabaseEngine } from './database.js';
import { engineOf } from './engine.js';
import type { Schema } from './schema.js';

/** Stands for the value of a name while a statement is compiled. */
class Placeholder {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** The text of a statement for one engine, with its constants and the names of its values in order. */
interface CompiledStatement {
  readonly text: string;
  readonly parameters: readonly unknown[];
}

/**
 * A statement that is compiled once for each engine, because building and compiling a query takes longer than running
 * it. For frequent statements of a fixed form.
 */
export class Statement<Values extends object, Row = unknown> {
  /** Builds the query with these values. */
  readonly query: (db: Kysely<Schema>, values: Values) => Compilable<Row>;
  readonly #compiled = new Map<DatabaseEngine, CompiledStatement>();

  /** `build` builds the query. It may use the values only as values of the query. */
  constructor(build: (db: Kysely<Schema>, values: Values) => Compilable<Row>) {
    this.query = build;
  }

  /** Runs the statement with these values. Returns its rows. */
  async run(db: Kysely<Schema>, values: Values): Promise<Row[]> {
    const { text, parameters } = this.#statementFor(db);
    const given = parameters.map((parameter) =>
      parameter instanceof Placeholder ? values[parameter.name as keyof Values] : parameter,
    );
    return (await db.executeQuery(CompiledQuery.raw(text, given) as CompiledQuery<Row>)).rows;
  }

  #statementFor(db: Kysely<Schema>): CompiledStatement {
    const engine = engineOf(db);
    const known = this.#compiled.get(engine);
    if (known !== undefined) return known;
    const placeholders = new Proxy({} as Values, {
      get: (_, name) => (typeof name === 'string' ? new Placeholder(name) : undefined),
    });
    const { sql: text, parameters } = this.query(db, placeholders).compile();
    const compiled = { text, parameters };
    this.#compiled.set(engine, compiled);
    return compiled;
  }
}
