import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { Mount, Order } from "../sandbox.ts";
import type { Tools } from "../tools.ts";
import { launchContainer } from "./launch.ts";

const top = realpathSync(mkdtempSync(join(tmpdir(), "whet-launch-")));
afterAll(() => rmSync(top, { recursive: true, force: true }));
const tree = join(top, "work", "slot");
mkdirSync(join(tree, "data"), { recursive: true });
mkdirSync(join(tree, "secret", "deep"), { recursive: true });
writeFileSync(join(tree, "secret", "key"), "key");
writeFileSync(join(tree, "answers"), "42");

const engine = {
  name: "docker",
  program: "/usr/bin/docker",
  version: "",
  rootless: true,
  hasLabels: false,
} as const;
const image = { name: "x", number: `sha256:${"1".repeat(64)}`, volumes: ["/cache"] };
const tools = { pageSize: 4096 } as Tools;

function order(more: Partial<Order> = {}): Order {
  return {
    ...{ command: "true", tree, cwd: "", mounts: [], hidden: [], env: { SEED: "1" }, inImage: true },
    limits: { time: 1000, memory: 1e8, processes: 8, fileSize: 1e6, disk: 1e7, output: 1e6, network: false },
    ...more,
  };
}

/** What a container is shown: place -> host path and whether it may write there. */
function shownBy(given: Order, keepOut: readonly string[] = []) {
  const launch = launchContainer(given, { engine, image }, tools, keepOut);
  try {
    const mounts = launch.argv.flatMap((word) => (word.startsWith("--mount=") ? [word.slice(8)] : []));
    const found = new Map<string, { host: string; writable: boolean }>();
    for (const mount of mounts) {
      const [, source = "", at = "", only] =
        /^type=bind,source=([^,]+),destination=([^,]+)(,readonly)?$/.exec(mount) ?? [];
      // Every source is a name of Whetstone's own.
      expect(source).toMatch(/\/whet-[0-9a-f]{12}-\d+-\w+\/shown\/\d+$/);
      expect(found.has(at)).toBe(false);
      found.set(at, { host: realpathSync(source), writable: only === undefined });
    }
    return { found, launch, text: (at: string) => readFileSync(found.get(at)?.host as string, "utf8") };
  } finally {
    launch.cleanUp();
  }
}

describe("a container for an order", () => {
  it("shows the tree, what the order names, and nothing else", () => {
    const out = mkdtempSync(join(top, "out-"));
    const { found, launch } = shownBy(order({ mounts: [{ host: out, at: { env: "OUT" }, writable: true }] }));
    expect([...found.keys()].sort()).toEqual(["/out", "/w", "/whetstone/began", "/whetstone/start"]);
    expect(found.get("/w")).toEqual({ host: tree, writable: false });
    expect(found.get("/out")).toEqual({ host: out, writable: true });
    expect(found.get("/whetstone/start")?.writable).toBe(false);
    expect(
      launch.argv.filter((word) => word.startsWith("--tmpfs=")).map((word) => word.split(/[=:]/)[1]),
    ).toEqual([...["/tmp", "/var/tmp", "/whetstone/home", "/cache"]]);
    expect(JSON.stringify(launch.env)).not.toContain("SEED");
    expect(JSON.stringify(launch.argv)).not.toContain("SEED");
  });

  it("shows host paths of any name under names of its own", () => {
    const name = fc
      .oneof(
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
        fc.constantFrom(
          "a,b",
          "a:b:ro",
          "-v",
          "--privileged",
          'a"b',
          "a\nb",
          "a,readonly=false",
          "$(id)",
          " ",
        ),
      )
      .filter(
        (text) => !/[/\0]/.test(text) && text !== "." && text !== ".." && Buffer.byteLength(text) < 200,
      );
    fc.assert(
      fc.property(name, fc.boolean(), (text, writable) => {
        const host = join(top, "hostile", text.toWellFormed());
        mkdirSync(host, { recursive: true });
        const { found } = shownBy(order({ mounts: [{ host, at: "data", writable }] }));
        expect(found.get("/w/data")).toEqual({ host: realpathSync(host), writable });
      }),
      { numRuns: 30 },
    );
  });

  it("hides what the order hides, and what lies below it", () => {
    const data = mkdtempSync(join(top, "data-"));
    writeFileSync(join(data, "pyc"), "stale");
    const mounts: Mount[] = [
      { host: data, at: "data", writable: false, hidden: ["pyc"] },
      { host: data, at: "secret/deep", writable: false },
    ];
    const launch = launchContainer(
      order({ mounts, hidden: ["secret", "answers"] }),
      { engine, image },
      tools,
      [],
    );
    const at = (place: string) =>
      realpathSync(
        (launch.argv.find((word) => word.includes(`,destination=${place},`)) ?? "").replace(
          /^.*source=([^,]+),.*$/,
          "$1",
        ),
      );
    expect(readdirSync(at("/w/secret"))).toEqual([]);
    expect(readFileSync(at("/w/answers"), "utf8")).toBe("");
    expect(readFileSync(at("/w/data/pyc"), "utf8")).toBe("");
    expect(launch.argv.some((word) => word.includes("/w/secret/deep"))).toBe(false);
    launch.cleanUp();
  });

  it("covers what is kept out where a folder above it is shown, and leaves a place for what the order shows there", () => {
    const lab = join(top, "all", "lab");
    mkdirSync(join(lab, "given"), { recursive: true });
    writeFileSync(join(lab, "ledger"), "secret");
    const mounts: Mount[] = [
      { host: join(top, "all"), at: { path: "/srv/all" }, writable: false },
      { host: join(lab, "given"), at: { path: "/srv/all/lab/given" }, writable: false },
    ];
    const launch = launchContainer(order({ mounts }), { engine, image }, tools, [lab]);
    const word = launch.argv.find((each) => each.includes(",destination=/srv/all/lab,")) ?? "";
    const cover = realpathSync(word.replace(/^.*source=([^,]+),.*$/, "$1"));
    expect(readdirSync(cover)).toEqual(["given"]);
    expect(readdirSync(join(cover, "given"))).toEqual([]);
    expect(word).toMatch(/,readonly$/);
    expect(launch.argv.some((each) => each.includes(",destination=/srv/all/lab/given,"))).toBe(true);
    launch.cleanUp();
  });

  it("gives no layer and no way out, and leaves nothing behind where it cannot be made", () => {
    const before = readdirSync(tmpdir()).filter((each) => each.startsWith("whet-"));
    expect(() => shownBy(order({ limits: { ...order().limits, network: ["a.example:443"] } }))).toThrow(
      TypeError,
    );
    expect(() => shownBy(order({ env: { "A;id": "" } }))).toThrow(TypeError);
    const odd = mkdtempSync(join(top, "odd-"));
    expect(() => shownBy(order({ mounts: [{ host: odd, at: { path: "/a,b" }, writable: false }] }))).toThrow(
      /cannot be shown/,
    );
    const mine = new Set(before);
    const left = readdirSync(tmpdir()).filter((each) => each.startsWith("whet-") && !mine.has(each));
    expect(left.filter((each) => existsSync(join(tmpdir(), each, "shown")))).toEqual([]);
  });
});
