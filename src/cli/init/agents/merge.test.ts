import * as fc from "fast-check";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { merged } from "./merge.ts";

const server = { command: "whet", args: ["mcp"] };
const asJson = {
  file: "x",
  what: "",
  format: "json" as const,
  path: ["mcpServers", "whetstone"],
  value: server,
};
const asList = {
  file: "x",
  what: "",
  format: "json list" as const,
  path: ["hooks", "Stop"],
  value: { hooks: [{ type: "command", command: "whet hook stop" }] },
  command: "whet hook stop",
};
const asToml = {
  file: "x",
  what: "",
  format: "toml" as const,
  table: ["mcp_servers", "whetstone"],
  values: server,
};

const word = fc.stringMatching(/^[a-z]{1,8}$/);
const json = fc.dictionary(word, fc.jsonValue(), { noNullPrototype: true });

describe("a merged configuration", () => {
  it("keeps everything that was there, whatever it was", () => {
    fc.assert(
      fc.property(json, fc.dictionary(word, fc.jsonValue(), { noNullPrototype: true }), (root, servers) => {
        const before = JSON.parse(JSON.stringify({ ...root, mcpServers: servers }));
        const made = merged(JSON.stringify(before), asJson);
        expect(made.kind).toBe("new");
        const after = JSON.parse(made.kind === "new" ? made.text : "");
        expect(after.mcpServers.whetstone).toEqual(server);
        delete after.mcpServers.whetstone;
        expect(after).toEqual(before);
      }),
    );
  });

  it("adds to a list, once", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 4 }), (hooks) => {
        const before = JSON.parse(JSON.stringify({ hooks: { Stop: hooks, Other: 1 } }));
        const made = merged(JSON.stringify(before), asList);
        const text = made.kind === "new" ? made.text : "";
        expect(JSON.parse(text)).toEqual({ hooks: { Stop: [...before.hooks.Stop, asList.value], Other: 1 } });
        expect(merged(text, asList)).toEqual({ kind: "there", same: true });
      }),
    );
  });

  it("leaves TOML byte for byte as it was, with one table more", () => {
    const lines = fc.constantFrom(
      "# a comment",
      "",
      "a = 1",
      "[other] # why",
      "b = 'x'",
      "[mcp_servers.else]",
    );
    fc.assert(
      fc.property(fc.uniqueArray(lines, { maxLength: 6 }), fc.boolean(), (list, ended) => {
        const text = list.join("\n") + (ended && list.length > 0 ? "\n" : "");
        const made = merged(text, asToml);
        if (made.kind !== "new") throw new Error(made.kind);
        expect(made.text.startsWith(text)).toBe(true);
        expect(parse(made.text)).toMatchObject({ ...parse(text), mcp_servers: { whetstone: server } });
        expect(merged(made.text, asToml)).toEqual({ kind: "there", same: true });
      }),
    );
  });

  it("replaces nothing, and touches nothing that it cannot read", () => {
    const own = '{"mcpServers":{"whetstone":{"command":"mine"}}}';
    expect(merged(own, asJson)).toEqual({ kind: "there", same: false });
    expect(merged("[mcp_servers]\nwhetstone = 3\n", asToml)).toEqual({ kind: "there", same: false });
    for (const text of ["{ // a comment\n}", "[]", '{"mcpServers": 3}', "3"])
      expect(merged(text, asJson).kind).toBe("unreadable");
    expect(merged('{"hooks":{"Stop":{}}}', asList).kind).toBe("unreadable");
    expect(merged("a = ", asToml).kind).toBe("unreadable");
    expect(merged("mcp_servers = 3", asToml).kind).toBe("unreadable");
  });
});
