import { createRequire } from 'node:module';
import type BetterSqlite3 from 'better-sqlite3';

/**
 * better-sqlite3 in the line that this Node.js can use. From 24.19 on the garbage collector aborts the process when it frees
 * a statement of the 12 line (node::ObjectWrap's clean-up hook wants a context); the 13 line is built on Node-API 10, which
 * Node 20 does not have.
 */
const require = createRequire(import.meta.url);
const line = Number(process.versions['napi']) >= 10 ? 'better-sqlite3-node-api' : 'better-sqlite3';

/** The constructor, and SqliteError beside it. The native part is loaded by the first `new`. */
export const Sqlite = require(line) as typeof BetterSqlite3;
