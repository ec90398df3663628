import fc from "fast-check";
import type { Notebook, Row } from "../../src/notebook/model.ts";

const nasty = fc.constantFrom(
  "</script><script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  "</title></style></text></svg><b>",
  "]]><!--",
  "&lt;&#60;&",
  "\u001b[31mred\u001b]8;;http://x\u0007",
  "a\tb\r\nc\u2028d",
  "漢字🔥👩‍👩‍👧",
  "\ud800\ufffe\u0000",
);

/** Text that somebody with bad intentions could write; never empty. */
export const hostile = fc
  .array(fc.oneof(nasty, fc.string({ unit: "binary", maxLength: 12 })), { maxLength: 5 })
  .map((parts) => `x${parts.join("")}`);

/** The same notebook with all its free text replaced by words from a list, in turn. */
export function retold(notebook: Notebook, words: readonly string[]): Notebook {
  let at = 0;
  const word = () => words[at++ % words.length] as string;
  const rows = notebook.experiments.map(
    (row): Row => ({
      ...row,
      what: word(),
      mechanism: word(),
      prediction: word(),
      researcher: word(),
      reason: word(),
      lesson: word(),
      logTail: row.logTail === null ? null : word(),
      commit: word(),
      diff: `--- a/f\n+++ b/f\n@@ -1 +1 @@\n ${word().replace(/[\n\r]/gu, " ")}\n+${word().replace(/[\n\r]/gu, " ")}`,
      ...(row.failureKind === undefined ? {} : { failureKind: word() }),
    }),
  );
  return {
    ...notebook,
    lab: word(),
    goal: word(),
    tag: word(),
    branch: word(),
    base: word(),
    preset: word(),
    stopReason: word(),
    metric: { name: word(), direction: notebook.metric.direction, unit: word() },
    grade: { letter: notebook.grade.letter, reasons: [word()] },
    grants: [{ grant: word(), opens: word() }],
    models: [{ model: word(), asker: "score", calls: 1, tokens: 2, dollars: null, limits: { tokens: 3 } }],
    drivers: {
      free: 1,
      boxes: [
        {
          ...{ level: word(), program: word(), experiments: 1 },
          ...{ enforced: [word()], notEnforced: [word()], granted: [word()] },
        },
      ],
    },
    isolation: { ...notebook.isolation, enforced: [word()], watched: [word()], notEnforced: [word()] },
    experiments: rows,
    finalized: notebook.finalized && {
      ...notebook.finalized,
      changes: notebook.finalized.changes.map((part) => ({
        ...part,
        what: word(),
        reason: word(),
        aloneFailure: word(),
      })),
    },
  };
}
