import type Database from "better-sqlite3";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";

/**
 * Kysely over one SQLite connection, `camelCase` in the program and `snake_case` in the file.
 *
 * In place of Kysely's own dialect and plugin, for three reasons: its transactions begin deferred, and one that reads
 * first and then writes fails at once when another process wrote in between, whatever the timeout; the plugin builds
 * each query's tree a second time to rename what is in it; and each statement is prepared anew each time.
 */
export function sqliteDialect(database: Database.Database): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => driver(database),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SnakeCaseCompiler(),
  };
}

class SnakeCaseCompiler extends SqliteQueryCompiler {
  protected override sanitizeIdentifier(identifier: string): string {
    return super.sanitizeIdentifier(snakeCase(identifier));
  }
}

function driver(database: Database.Database): Driver {
  const connection = connectionTo(database);
  const run = (sql: string) => async () => void (await connection.executeQuery(CompiledQuery.raw(sql)));
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: run("begin immediate"),
    commitTransaction: run("commit"),
    rollbackTransaction: async () => {
      // On a full disk SQLite has rolled back by itself; the first error is the one to be told.
      if (database.inTransaction) await connection.executeQuery(CompiledQuery.raw("rollback"));
    },
    releaseConnection: async () => {},
    destroy: async () => void database.close(),
  };
}

/** Statements that are kept prepared: more than the program has, lists of different lengths left aside. */
const mostStatements = 200;

function connectionTo(database: Database.Database): DatabaseConnection {
  const prepared = new Map<string, Database.Statement>();
  const statement = (sql: string): Database.Statement => {
    const known = prepared.get(sql);
    if (known) return known;
    if (prepared.size >= mostStatements) prepared.clear();
    const made = database.prepare(sql);
    prepared.set(sql, made);
    return made;
  };
  return {
    executeQuery: async <Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> => {
      const asked = statement(sql);
      if (asked.reader) return { rows: renamed(asked.all(parameters)) as Row[] };
      const { changes, lastInsertRowid } = asked.run(parameters);
      return { insertId: BigInt(lastInsertRowid), numAffectedRows: BigInt(changes), rows: [] };
    },
    streamQuery: () => {
      throw new Error("the ledger does not stream");
    },
  };
}

function renamed(rows: unknown[]): Record<string, unknown>[] {
  const [first] = rows as Record<string, unknown>[];
  if (first === undefined) return [];
  const names = Object.keys(first).map((name) => [name, camelCase(name)] as const);
  if (names.every(([from, to]) => from === to)) return rows as Record<string, unknown>[];
  return (rows as Record<string, unknown>[]).map((row) => {
    const result: Record<string, unknown> = {};
    for (const [from, to] of names) result[to] = row[from];
    return result;
  });
}

const snake = new Map<string, string>();
const camel = new Map<string, string>();

function snakeCase(name: string): string {
  return remembered(snake, name, () => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

function camelCase(name: string): string {
  return remembered(camel, name, () =>
    name.replace(/_+([^_])/g, (_, letter: string) => letter.toUpperCase()),
  );
}

function remembered(names: Map<string, string>, name: string, make: () => string): string {
  const known = names.get(name);
  if (known !== undefined) return known;
  const made = make();
  names.set(name, made);
  return made;
}
