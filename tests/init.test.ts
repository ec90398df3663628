import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { git, repository, startWith, write } from "./support/lab.ts";

const hasSandbox = (() => {
  try {
    execFileSync("bwrap", ["--ro-bind", "/", "/", "true"], { stdio: "ignore" });
    execFileSync("python3", ["-c", ""]);
    return true;
  } catch {
    return false;
  }
})();

/** `whet init --yes`, a commit, `whet check`: what somebody does with a repository that works on their machine. */
async function twoCommands(folder: string, env: Record<string, string> = {}) {
  const init = await startWith(env, folder, "init", "--yes").finished;
  const left = existsSync(join(folder, ".whetstone"));
  git(folder, "add", "-A");
  git(folder, "commit", "-q", "-m", "lab");
  const check = await startWith(env, folder, "check").finished;
  return { init, check, left, program: readFileSync(join(folder, "program.md"), "utf8") };
}

async function isGreen(folder: string, metric: RegExp, env: Record<string, string> = {}) {
  const { init, check, left, program } = await twoCommands(folder, env);
  expect(init.code, `${init.stderr}${init.stdout}\n${program}`).toBe(0);
  expect(init.stdout).toMatch(/^tried {4}the untouched code: .*isolation L2/m);
  expect(left).toBe(false);
  expect(check.code, `${check.stderr}${check.stdout}\n${program}`).toBe(0);
  expect(check.stdout).toMatch(metric);
  expect(check.stdout).toMatch(/L2/);
  return { init, check, program };
}

describe.skipIf(!hasSandbox)("init and check, two commands to a measured baseline at L2", () => {
  it("pi-autoresearch: the script, the checks, the scope and the prompt", async () => {
    const folder = repository({
      ".auto/measure.sh":
        '#!/bin/bash\nset -euo pipefail\nnode -e \'import("./src/parse.mjs").then((m) => console.log("METRIC total_us=" + m.CHUNK))\'\n',
      ".auto/checks.sh": "#!/bin/bash\nnode --check src/parse.mjs\n",
      ".auto/prompt.md":
        "# Faster\n## Metrics\n- **Primary**: total_us (us, lower is better)\n## Files in Scope\n- src/parse.mjs\n",
      "src/parse.mjs": "export const CHUNK = 64;\n",
    });
    const { program } = await isGreen(folder, /total_us/);
    expect(program).toContain("# Faster");
  });

  it("OpenEvolve: its evaluator is the trusted scorer", async () => {
    const folder = repository({
      "initial_program.py": "# EVOLVE-BLOCK-START\ndef solve():\n    return 10\n# EVOLVE-BLOCK-END\n",
      "evaluator.py":
        'import importlib.util\ndef evaluate(program_path):\n    spec = importlib.util.spec_from_file_location("p", program_path)\n    m = importlib.util.module_from_spec(spec)\n    spec.loader.exec_module(m)\n    return {"combined_score": 1.0 / m.solve()}\n',
      "config.yaml": "max_iterations: 100\n",
    });
    const { check } = await isGreen(folder, /combined_score/);
    expect(check.stdout).toMatch(/scored/);
  });

  it("ShinkaEvolve: its evaluation script is the trusted scorer", async () => {
    const folder = repository({
      "initial.py": "def run_experiment():\n    return 4.0\n",
      "evaluate.py":
        'import argparse, importlib.util, json, os\na = argparse.ArgumentParser()\na.add_argument("--program_path")\na.add_argument("--results_dir")\na = a.parse_args()\nspec = importlib.util.spec_from_file_location("p", a.program_path)\nm = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(m)\nos.makedirs(a.results_dir, exist_ok=True)\njson.dump({"combined_score": m.run_experiment()}, open(os.path.join(a.results_dir, "metrics.json"), "w"))\njson.dump({"correct": True, "error": None}, open(os.path.join(a.results_dir, "correct.json"), "w"))\n',
    });
    await isGreen(folder, /combined_score/);
  });

  it("a script of package.json, whose imports may change", async () => {
    const folder = repository({
      "package.json": '{"name": "x", "type": "module", "scripts": {"bench": "node bench/run.js"}}',
      "bench/run.js": 'import { N } from "../src/index.js";\nconsole.log(`ops: $' + "{1000 - N}`);\n",
      "src/index.js": "export const N = 40;\n",
    });
    const { program } = await isGreen(folder, /ops/);
    expect(program).toContain("change: [src/index.js]");
  });

  it("a script that leaves hyperfine's JSON beside the code and prints it", async () => {
    const folder = repository({
      "package.json":
        '{"name": "x", "type": "module", "scripts": {"bench": "node bench.js > bench.json && cat bench.json"}}',
      "bench.js":
        'import { mean } from "./src/count.js";\nconsole.log(JSON.stringify({ results: [{ command: "count", mean, stddev: 0.01, max: 9, times: [mean] }] }));\n',
      "src/count.js": "export const mean = 0.5;\n",
    });
    const { program, init } = await isGreen(folder, /from hyperfine's mean/);
    expect(program).toContain("metric: { name: mean, from: hyperfine, direction: minimize }");
    expect(init.stdout).not.toContain("results");
    expect(init.stderr.match(/^running the untouched code once/gm) ?? []).toEqual([]);
  });

  it("a Makefile whose program imports a module and wants a folder of data that is not committed", async () => {
    const folder = repository({
      ".gitignore": "numbers/\n__pycache__\n",
      Makefile: "bench: bench.py\n\t@python3 bench.py\n",
      "bench.py": 'import fast\nprint("seconds:", fast.cost(open("numbers/a.txt").read()))\n',
      "fast.py": "def cost(text):\n    return float(text) / 2\n",
    });
    write(folder, { "numbers/a.txt": "3" });
    const { init, program } = await isGreen(folder, /seconds/);
    expect(init.stdout).toMatch(/^added {4}inputs: \[numbers/m);
    expect(program).toMatch(/^inputs: \[numbers/m);
  });
});

describe.skipIf(!hasSandbox)("a metric that no file names", () => {
  it("is found by running the command once", async () => {
    const folder = repository({
      Makefile: "bench: bench.sh\n\t@sh bench.sh\n",
      "bench.sh": ". ./knob.sh\nprintf 'Throughput = %s MB/s (best)\\n' $K\n",
      "knob.sh": "K=31\n",
    });
    const init = await startWith({}, folder, "init", "--yes", "--change", "knob.sh").finished;
    expect(init.code, init.stderr + init.stdout).toBe(0);
    expect(init.stdout).toMatch(/^tried {4}the untouched code: throughput 31 /m);
  });
});

describe.skipIf(!hasSandbox)("a first run that fails", () => {
  it("leaves the contract, says why and what opens the way, and ends with 1", async () => {
    const folder = repository({
      "train.py":
        'import urllib.request\nurllib.request.urlopen("http://data.example.org/x", timeout=5)\nprint("loss:", 1)\n',
    });
    const init = await startWith({}, folder, "init", "--yes").finished;
    expect(init.code, init.stdout).toBe(1);
    expect(init.stderr).toMatch(/written, but the untouched code does not run yet/);
    expect(init.stderr).toMatch(/network/);
    expect(init.stderr).toMatch(/→ or, without any sandbox: `--isolation L0`\n/);
    expect(readFileSync(join(folder, "program.md"), "utf8")).not.toMatch(/^budget:.*network/m);
    expect(existsSync(join(folder, ".whetstone"))).toBe(false);
    expect(git(folder, "branch", "--list").trim()).toBe("* main");
    expect(git(folder, "status", "--porcelain").trim()).toBe("?? program.md");
  });

  it("is left out with --no-try", async () => {
    const folder = repository({ "train.py": 'print("loss:", 1)\n' });
    const { code, stdout } = await startWith({}, folder, "init", "--yes", "--no-try").finished;
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/tried/);
  });
});

const canMakeNodes = (() => {
  try {
    const made = "mount -t tmpfs t /mnt && mknod /mnt/n c 1 3";
    execFileSync("unshare", ["-m", "--propagation", "private", "sh", "-c", made], { stdio: "ignore" });
    return hasSandbox;
  } catch {
    return false;
  }
})();

/**
 * In a mount namespace of the test's own: a home folder with an interpreter where uv keeps them and data in its cache, and
 * harmless device nodes with the names of a GPU's (a stand-in: no GPU is needed).
 */
const autoresearch = `set -e
PREFIX=$(python3 -c "import sys; print(sys.base_prefix)")
D=$(mktemp -d); mount -t tmpfs tmpfs $D
node() { mknod -m 666 $D/$1 c $2 $3; }
node null 1 3; node zero 1 5; node full 1 7; node random 1 8; node urandom 1 9; node tty 5 0
node nvidia0 1 3; node nvidiactl 1 3
mkdir $D/shm $D/pts; mount --rbind /dev/pts $D/pts; mount --rbind /dev/shm $D/shm
ln -s pts/ptmx $D/ptmx; ln -s /proc/self/fd $D/fd; ln -s fd/0 $D/stdin; ln -s fd/1 $D/stdout; ln -s fd/2 $D/stderr
mount --rbind $D /dev
mount -t tmpfs tmpfs /home; export HOME=/home/u
UV=$HOME/.local/share/uv/python/cpython-3-stand-in
mkdir -p $UV $HOME/.cache/autoresearch/data; mount --bind "$PREFIX" $UV
echo 1.5 > $HOME/.cache/autoresearch/data/shard.txt
cd "$LAB"
$UV/bin/python3 -m venv --symlinks --without-pip .venv
export PATH=/usr/local/bin:/usr/bin:/bin
"$NODE" "$WHET" init --yes
test ! -e .whetstone
git add -A; git -c user.name=T -c user.email=t@localhost commit -qm lab
exec "$NODE" "$WHET" check
`;

describe.skipIf(!canMakeNodes)("autoresearch's layout", () => {
  it("with uv's environment, data in the cache and a stand-in GPU is measured at L2 after two commands", () => {
    const folder = repository({
      ".gitignore": ".venv\n__pycache__\n",
      "program.md": "# autoresearch\n\nThe lowest val_bpb.\n",
      "prepare.py":
        'import os\nTIME_BUDGET = 5\nCACHE_DIR = os.path.join(os.path.expanduser("~"), ".cache", "autoresearch")\n',
      "train.py":
        '# device="cuda"\nimport os\nfrom prepare import CACHE_DIR\nLR = 0.5\nassert os.path.exists("/dev/nvidia0")\nbase = float(open(CACHE_DIR + "/data/shard.txt").read())\nprint(f"val_bpb: {base + LR:.6f}")\n',
      "pyproject.toml": "[tool.uv]\n",
    });
    const env = {
      ...process.env,
      ...{ NO_COLOR: "1", LAB: folder, NODE: process.execPath },
      WHET: join(import.meta.dirname, "..", "bin", "whet.cjs"),
    };
    const command = ["-m", "--propagation", "private", "bash", "-c", autoresearch];
    const { status, stdout, stderr } = spawnSync("unshare", command, { env, encoding: "utf8" });
    expect(status, stderr + stdout).toBe(0);
    expect(stdout).toMatch(/^tried {4}the untouched code: val_bpb 2 in .*isolation L2/m);
    expect(stdout).toMatch(/gpus: 1/);
    const program = readFileSync(join(folder, "program.md"), "utf8");
    expect(program).toContain('inputs: [.venv, "~/.cache/autoresearch"]');
    expect(program).toContain("run: .venv/bin/python train.py");
    expect(program).toMatch(/budget: \{.*gpus: 1/);
    expect(program).toMatch(/# autoresearch\n\nThe lowest val_bpb\.\n$/);
  });
});
