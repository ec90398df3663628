import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { repository, startWith } from "../support/lab.ts";
import { told } from "../support/letters.ts";
import { startModelServer } from "../support/modelServer/index.ts";

/** The files that a page tells to copy: a path in backquotes with a colon, and the block below it. */
function filesOf(page: string): Record<string, string> {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "docs", page), "utf8");
  const blocks = text.matchAll(/^`(skills\/[^`]+)`:\n\n```\w+\n(.*?)^```$/gms);
  return Object.fromEntries([...blocks].map(([, path = "", content = ""]) => [path, content]));
}

it("the suite to begin with works as it stands in the docs", async () => {
  const areas = { "[ui]": /login|button/, "[api]": /GET|server/, "[docs]": /README|manual/, "[build]": /./ };
  const server = await startModelServer(
    (request) => {
      const [asked] = request.messages;
      const read = request.messages.some(({ results }) => results.length > 0);
      const load = request.tools.some(({ name }) => name === "load_skill");
      if (load && !read) return { tools: [{ name: "load_skill", args: { name: "commit-messages" } }] };
      const [area] = Object.entries(areas).find(([, words]) => words.test(asked?.text ?? "")) ?? [];
      const known = /square brackets/.test(told(request));
      return { text: known ? `${area} Do what was asked for` : "Do what was asked for" };
    },
    { main: () => true },
  );
  onTestFinished(() => server.close());
  const files = filesOf("forge.md");
  expect(Object.keys(files)).toHaveLength(2);
  const lab = repository(files);
  const { code, stdout } = await startWith(
    ...([{ HOME: lab }, lab, "skill", "test", "skills/commit-messages", "--no-trigger"] as const),
    ...["--model", "local/m", "--url", `${server.url}/v1`, "--test-runs", "32"],
  ).finished;
  expect(code).toBe(0);
  expect(stdout).toContain("commit-messages v1: It helps: +100.0 points");
  expect(stdout).toContain("keep as validated: the score is at least");
  expect(stdout).not.toContain("leak");
});
