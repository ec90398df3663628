import { expect, it } from "vitest";
import { program, repository, whet, write } from "./support/lab.ts";

it("the scorer's words reach the person and no try, and a changed input is told with both ways to begin anew", async () => {
  const lab = repository({
    ".gitignore": "node_modules\n.whetstone\n",
    "program.md": program(
      "metric: loss\ndirection: minimize\nchange: [a.mjs]\nrun: node a.mjs\nbudget: 10s\nscore: node score.mjs",
    ),
    "a.mjs": 'import { writeFileSync } from "node:fs";\nwriteFileSync(process.env.OUT + "/x", "1");\n',
    "score.mjs":
      'import { readFileSync } from "node:fs";\nconst x = Number(readFileSync(process.env.OUT + "/x", "utf8"));\n' +
      'if (x !== 1) throw new Error("expected secret-7");\nconsole.log("loss: 1");\n',
  });
  write(lab, { "node_modules/x/index.js": "1\n" });
  const started = JSON.parse((await whet(lab, "start", "--no-probe", "--json")).stdout) as {
    workspace: string;
  };
  write(started.workspace, {
    "a.mjs": 'import { writeFileSync } from "node:fs";\nwriteFileSync(process.env.OUT + "/x", "2");\n',
  });
  const tried = await whet(lab, "try", "-m", "two", "--because", "it is more", "--no-probe", "--json");
  expect(tried.stdout).toContain("the scorer failed");
  expect(tried.stdout + tried.stderr).not.toContain("secret-7");
  expect((await whet(lab, "show", "1")).stdout).toContain("secret-7");

  write(lab, { "node_modules/x/index.js": "2\n" });
  const changed = await whet(lab, "run", "--experiments", "2", "--no-probe");
  expect(changed.stderr).toMatch(/input node_modules.*\n?.*whet run --fresh.*whet start --fresh/s);
});
