import { execFile } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { AgentName } from "../../src/contract/index.ts";

/** The agents that the suite was written against; each is 100 to 400 MB. */
export const pinned: Record<AgentName, string> = {
  claude: "@anthropic-ai/claude-code@2.1.329",
  codex: "@openai/codex@0.169.0",
  gemini: "@google/gemini-cli@0.61.0",
  opencode: "opencode-ai@1.18.33",
  pi: "@earendil-works/pi-coding-agent@0.87.1",
};

/** The programs through which agents that do not do so themselves speak ACP. */
export const pinnedAdapters = {
  "claude-agent-acp": "@agentclientprotocol/claude-agent-acp@0.100.0",
  "codex-acp": "@agentclientprotocol/codex-acp@2.6.0",
};

const cache = process.env.WHETSTONE_AGENTS_CACHE ?? join(homedir(), ".cache", "whetstone-agents");

/**
 * Installs an agent once into the cache and returns the folder of its command. Its installation scripts run with a home
 * of their own: some write there.
 */
export async function install(name: AgentName | keyof typeof pinnedAdapters): Promise<string> {
  const spec = { ...pinned, ...pinnedAdapters }[name];
  const folder = join(cache, spec.replaceAll("/", "-"));
  const bin = join(folder, "node_modules", ".bin");
  if (existsSync(bin)) return bin;
  const fresh = `${folder}.${process.pid}`;
  const home = join(fresh, "home");
  mkdirSync(home, { recursive: true });
  const at = spec.lastIndexOf("@");
  const [packageName, version] = [spec.slice(0, at), spec.slice(at + 1)];
  writeFileSync(
    join(fresh, "package.json"),
    JSON.stringify({
      private: true,
      dependencies: { [packageName]: version },
      // Without them claude and opencode are no more than stubs.
      allowScripts: { [packageName]: true },
    }),
  );
  await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund"], {
    cwd: fresh,
    // npm picks versions by the Node that runs it.
    env: { ...process.env, HOME: home, PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ""}` },
  });
  // Another process may have been quicker.
  if (existsSync(bin)) rmSync(fresh, { recursive: true, force: true });
  else {
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  }
  return bin;
}
