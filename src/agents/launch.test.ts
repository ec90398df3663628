import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openSandbox, type Sandbox } from "../sandbox/index.ts";
import { openLaunchpad } from "./launch.ts";

const best = await openSandbox();

/** What a session has whose contract names an image; nothing is started in the image here. */
const withImage: Sandbox = { ...best, isolation: { ...best.isolation, level: "L3" } };

it.skipIf(best.isolation.level !== "L2")(
  "an agent is confined as well where candidates run in containers",
  async () => {
    const lab = mkdtempSync(join(tmpdir(), "whet-launch-"));
    const folder = join(lab, "copy");
    mkdirSync(folder);
    const pad = await openLaunchpad(withImage, {
      ...{ connection: { kind: "keys", keys: [] }, hosts: [], readable: [] },
      turn: { folder, cwd: "", time: 30_000 },
    });
    expect(pad.confined).toBe(true);
    expect(pad.notEnforced).toEqual([]);
    let said = "";
    const command = ["sh", "-c", "cat /proc/net/dev; touch $HOME/mine && echo at home"];
    const started = { argv: command, env: {}, files: {}, copies: {} };
    const outcome = await pad.start({ ...started, onLine: (line) => (said += `${line}\n`) }).done;
    expect(outcome.ending, outcome.message + outcome.stderr).toBe("ok");
    expect(said.match(/^\s*[\w.]+(?=:)/gm)?.map((name) => name.trim())).toEqual(["lo"]);
    expect(said).toContain("at home");
    await pad.close();
    rmSync(lab, { recursive: true });
  },
);
