import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { resolve } from "./resolve.ts";

const text = { type: "string" };

it("speaks each agent's words for an edit", () => {
  const edit = { op: "edit", path: "a.ts", old: "one", new: "two" } as const;
  const offered = (name: string, ...properties: string[]) => [
    {
      name,
      schema: {
        properties: Object.fromEntries(properties.map((each) => [each, text])),
        required: properties,
      },
    },
  ];
  expect(resolve(edit, offered("Edit", "file_path", "old_string", "new_string")).args).toEqual({
    file_path: "a.ts",
    old_string: "one",
    new_string: "two",
  });
  expect(resolve(edit, offered("edit", "filePath", "oldString", "newString")).args).toEqual({
    filePath: "a.ts",
    oldString: "one",
    newString: "two",
  });
  const many = {
    properties: {
      path: text,
      edits: { type: "array", items: { properties: { oldText: text, newText: text } } },
    },
  };
  expect(resolve(edit, [{ name: "edit", schema: many }]).args).toEqual({
    path: "a.ts",
    edits: [{ oldText: "one", newText: "two" }],
  });
  expect(resolve(edit, [{ name: "apply_patch", schema: null }]).input).toBe(
    "*** Begin Patch\n*** Update File: a.ts\n@@\n-one\n+two\n*** End Patch\n",
  );
});

it("edits through the shell where nothing better is offered", () => {
  const folder = mkdtempSync(join(tmpdir(), "whet-resolve-"));
  try {
    writeFileSync(join(folder, "a.ts"), "it's $1;\nlast\n");
    const shell = [{ name: "shell", schema: { properties: { command: { type: "array" } } } }];
    for (const call of [
      { op: "edit", path: "a.ts", old: "it's $1;", new: "it's @2 \\n/" } as const,
      { op: "write", path: "b.ts", content: "100% 'new'\n" } as const,
    ]) {
      const [program, ...args] = resolve(call, shell).args.command as string[];
      execFileSync(program as string, args, { cwd: folder });
    }
    expect(readFileSync(join(folder, "a.ts"), "utf8")).toBe("it's @2 \\n/\nlast\n");
    expect(readFileSync(join(folder, "b.ts"), "utf8")).toBe("100% 'new'\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("finds a tool of an MCP server under every agent's name for it", () => {
  const call = { op: "mcp", server: "lab", tool: "measure", args: { n: 1 } } as const;
  for (const name of ["mcp__lab__measure", "mcp_lab_measure", "lab_measure"])
    expect(resolve(call, [{ name, schema: {} }])).toEqual({ name, args: { n: 1 } });
  expect(resolve(call, [{ name: "measure", namespace: "mcp__lab", schema: {} }])).toEqual({
    name: "measure",
    namespace: "mcp__lab",
    args: { n: 1 },
  });
  expect(() => resolve(call, [{ name: "measure", schema: {} }])).toThrow("offers: measure");
});
