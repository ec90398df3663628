import Database from "better-sqlite3";
import { longestLine } from "./lines.ts";

/** What OpenCode keeps in its database, opened read-only: another program's file, no ledger of ours. */
export interface OpencodeDatabase {
  sessions(): OpencodeSession[];
  /** Ids of a session's messages, in order. */
  messages(session: string): string[];
  /** A message and its parts as JSON; a part beyond the cap is null. */
  message(id: string): { createdAt: number; data: string | null; parts: (string | null)[] } | null;
  close(): void;
}

export interface OpencodeSession {
  id: string;
  /** The session in which an agent called this one. */
  parent: string | null;
  folder: string;
  version: string;
  changedAt: number;
  /** Of the JSON in it. */
  bytes: number;
}

/**
 * @throws Error when it is no database of OpenCode's, or of a version that keeps its sessions elsewhere.
 */
export function openOpencode(path: string): OpencodeDatabase {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 5000 });
  try {
    const capped = `case when length(data) <= ${longestLine} then data end`;
    const messages = db
      .prepare<[string], string>("select id from message where session_id = ? order by time_created, id")
      .pluck();
    const message = db.prepare<[string], { createdAt: number; data: string | null }>(
      `select time_created as createdAt, ${capped} as data from message where id = ?`,
    );
    const parts = db
      .prepare<[string], string | null>(`select ${capped} from part where message_id = ? order by id`)
      .pluck();
    const sessions = db.prepare<[], OpencodeSession>(
      `select id, parent_id as parent, directory as folder, version, time_updated as changedAt,
         (select coalesce(sum(length(data)), 0) from part where session_id = session.id) as bytes
       from session order by time_created, id`,
    );
    return {
      sessions: () => sessions.all(),
      messages: (session) => messages.all(session),
      message(id) {
        const row = message.get(id);
        return row ? { ...row, parts: parts.all(id) } : null;
      },
      close: () => db.close(),
    };
  } catch (error) {
    db.close();
    throw error;
  }
}
