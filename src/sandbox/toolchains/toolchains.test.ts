import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Limits, type Mount, openSandbox } from "../index.ts";

const limits: Limits = {
  time: 60_000,
  memory: 2 ** 30,
  processes: 100,
  fileSize: 2 ** 28,
  disk: 2 ** 28,
  output: 2 ** 20,
  network: false,
};
const isL2 = (await openSandbox()).isolation.level === "L2";
const system = "/usr/local/bin:/usr/bin:/bin";

/**
 * Small layouts as the version managers make them: their real folders and links, and stand-ins for the programs in
 * them: shell scripts that read a library beside themselves, as a relocatable interpreter does.
 */
describe.runIf(isL2)("the user's programs in the sandbox", () => {
  const before = { HOME: process.env.HOME, PATH: process.env.PATH };
  let root: string;
  let home: string;
  let tree: string;

  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), "whet-programs-")));
    home = join(root, "home/u");
    tree = join(root, "repo/tree");
    for (const folder of [home, tree]) mkdirSync(folder, { recursive: true });
    process.env.HOME = home;
    for (const name of ["CARGO_HOME", "RUSTUP_HOME", "JAVA_HOME", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT"])
      delete process.env[name];
    secret(".ssh/id_ed25519");
    secret(".netrc");
  });
  afterEach(() => {
    Object.assign(process.env, before);
    rmSync(root, { recursive: true, force: true });
  });

  function file(path: string, text: string): string {
    const at = path.startsWith("/") ? path : join(home, path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, text);
    return at;
  }
  function secret(path: string): string {
    return file(path, "TOP SECRET\n");
  }
  function link(path: string, target: string): void {
    const at = path.startsWith("/") ? path : join(home, path);
    mkdirSync(dirname(at), { recursive: true });
    symlinkSync(target, at);
  }
  /** A program that prints what a library beside it says: `PREFIX/lib/NAME/says`. */
  function program(prefix: string, name: string, says: string, library = "std"): string {
    file(join(prefix, "lib", library, "says"), `${says}\n`);
    const script = `#!/bin/sh\nwhere=$(dirname "$(readlink -f "$0")")\ncat "$where/../lib/${library}/says"\n`;
    const at = file(join(prefix, "bin", name), script);
    chmodSync(at, 0o755);
    return at;
  }
  function onPath(...folders: string[]): void {
    process.env.PATH = [...folders.map((each) => join(home, each)), system].join(":");
  }
  async function run(command: string, mounts: Mount[] = [], keepOut: string[] = [join(root, "repo")]) {
    const sandbox = await openSandbox({ keepOut });
    return sandbox.start({ command, tree, cwd: "", mounts, hidden: [], env: {}, limits }).done;
  }
  const said = async (command: string, mounts: Mount[] = []) => {
    const { stdout, stderr } = await run(command, mounts);
    return stdout.trim() || stderr.trim();
  };
  /** An environment as `uv venv` makes it, in the repository. */
  function environment(interpreter: string): Mount[] {
    const host = join(root, "repo/.venv");
    file(join(host, "pyvenv.cfg"), `home = ${dirname(interpreter)}\nversion_info = 3.12.1\n`);
    link(join(host, "bin/python"), interpreter);
    link(join(host, "bin/python3"), "python");
    mkdirSync(join(tree, ".venv"), { recursive: true });
    return [{ host, at: ".venv", writable: false }];
  }

  it("follow an environment of uv's to the interpreter, over the link that names its minor version", async () => {
    const pythons = ".local/share/uv/python";
    program(join(home, pythons, "cpython-3.12.1-linux-x86_64-gnu"), "python3.12", "uv's own");
    link(join(pythons, "cpython-3.12-linux-x86_64-gnu"), "cpython-3.12.1-linux-x86_64-gnu");
    secret(".local/share/keyrings/login.keyring");
    onPath();
    const mounts = environment(join(home, pythons, "cpython-3.12-linux-x86_64-gnu/bin/python3.12"));
    expect(await said(".venv/bin/python", mounts)).toBe("uv's own");
    expect(await said(".venv/bin/python3", mounts)).toBe("uv's own");
    expect(await said(`cat ${home}/.local/share/keyrings/*`, mounts)).toContain("No such file");
  });

  it("take a mount at a link or below one, whichever kind of link it is", async () => {
    const pythons = join(home, ".local/share/uv/python");
    const real = join(pythons, "cpython-3.12.4-linux-x86_64-gnu");
    const minor = join(pythons, "cpython-3.12-linux-x86_64-gnu");
    const python = program(real, "python3.12", "uv's own");
    const granted = file(join(real, "shared/table"), "granted\n");
    for (const target of ["cpython-3.12.4-linux-x86_64-gnu", real]) {
      rmSync(minor, { force: true });
      rmSync(join(home, ".local/bin"), { recursive: true, force: true });
      symlinkSync(target, minor);
      link(".local/bin/python3.12", join(minor, "bin/python3.12"));
      onPath(".local/bin");
      const at = (path: string, host: string): Mount => ({ host, at: { path }, writable: false });
      expect(await said("python3.12", [at(join(home, ".local/bin/python3.12"), python)])).toBe("uv's own");
      const below = [at(join(minor, "shared"), dirname(granted)), at(minor, real)];
      for (const mount of below)
        expect(await said(`python3.12; cat ${minor}/shared/table`, [mount])).toBe("uv's own\ngranted");
    }
  });

  it("run the scripts of an environment, which name it by its own place, activated or not", async () => {
    execFileSync("python3", ["-m", "venv", "--without-pip", "--symlinks", join(root, "repo/.venv")], {
      env: { PATH: before.PATH, HOME: before.HOME },
    });
    const host = join(root, "repo/.venv");
    const tool = file(join(host, "bin/tool"), `#!${host}/bin/python\nimport sys\nprint(sys.prefix)\n`);
    chmodSync(tool, 0o755);
    mkdirSync(join(tree, ".venv"));
    const mounts = [{ host, at: ".venv", writable: false }];
    onPath();
    expect(await said(".venv/bin/tool", mounts)).toBe(host);
    process.env.PATH = `${host}/bin:${system}`;
    expect(await said("tool", mounts)).toBe(host);
    expect(await said("command -v python3", mounts)).toBe(`${host}/bin/python3`);
    secret(join(root, "repo/answers"));
    expect(await said(`cat ${root}/repo/answers`, mounts)).toContain("No such file");
  });

  it("show an activated Conda environment, and neither the others nor the user's settings", async () => {
    const base = join(home, "miniforge3");
    program(base, "conda", "base");
    program(join(base, "envs/x"), "python3", "x");
    file(join(base, "envs/x/conda-meta/history"), "");
    program(join(base, "envs/y"), "python3", "y");
    file(join(base, "conda-meta/history"), "");
    secret("miniforge3/.condarc");
    onPath("miniforge3/envs/x/bin", "miniforge3/condabin");
    expect(await said("python3")).toBe("x");
    expect(await said(`ls ${base}/envs`)).toBe("x");
    expect(await said(`cat ${base}/.condarc`)).toContain("No such file");
    onPath("miniforge3/bin");
    expect(await said(`conda run -n y python3 >/dev/null; ${base}/envs/y/bin/python3`)).toContain("y");
  });

  it("find what a stand-in of pyenv's, asdf's or mise's starts", async () => {
    const pyenv = join(home, ".pyenv");
    program(join(pyenv, "versions/3.12.1"), "python3", "pyenv's");
    file(join(pyenv, "version"), "3.12.1\n");
    const exec = file(
      join(pyenv, "libexec/pyenv"),
      '#!/bin/sh\nshift\nname=$1; shift\nexec "$PYENV_ROOT/versions/$(cat "$PYENV_ROOT/version")/bin/$name" "$@"\n',
    );
    const shim = file(
      join(pyenv, "shims/python3"),
      `#!/bin/sh\nexec ${pyenv}/libexec/pyenv exec python3 "$@"\n`,
    );
    for (const each of [exec, shim]) chmodSync(each, 0o755);
    const asdf = join(home, ".asdf");
    program(join(asdf, "installs/erlang/27"), "erl", "asdf's");
    mkdirSync(join(asdf, "plugins"));
    file(".tool-versions", "erlang 27\n");
    const erl = file(
      join(asdf, "shims/erl"),
      '#!/bin/sh\nexec "$ASDF_DATA_DIR/installs/erlang/$(sed -n s/erlang.//p ~/.tool-versions)/bin/erl"\n',
    );
    chmodSync(erl, 0o755);
    const mise = join(home, ".local/share/mise");
    program(join(mise, "installs/ruby/3.4"), "ruby", "mise's");
    const starts = file(".local/bin/mise", '#!/bin/sh\nexec "$MISE_DATA_DIR/installs/ruby/3.4/bin/ruby"\n');
    chmodSync(starts, 0o755);
    link(join(mise, "shims/ruby"), join(home, ".local/bin/mise"));
    onPath(".pyenv/shims", ".asdf/shims", ".local/share/mise/shims");
    expect(await said("python3; erl; ruby")).toBe("pyenv's\nasdf's\nmise's");
    expect(await said("command -v python3")).toBe(join(pyenv, "shims/python3"));
  });

  it("find Node of nvm's, fnm's and Volta's, Java of SDKMAN's and what Homebrew has linked", async () => {
    program(join(home, ".nvm/versions/node/v22.1.0"), "a-node", "nvm's", "node_modules");
    program(join(home, ".local/share/fnm/node-versions/v22/installation"), "b-node", "fnm's");
    link(
      join(root, "run/fnm_multishells/1_2"),
      join(home, ".local/share/fnm/node-versions/v22/installation"),
    );
    program(join(home, ".volta/tools/image/node/22.3.0"), "c-node", "volta's");
    file(".volta/tools/user/platform.json", '{"node":{"runtime":"22.3.0","npm":null}}');
    for (const name of ["volta", "volta-shim"]) program(join(home, ".volta"), name, "a stand-in of volta's");
    link(".volta/bin/c-node", "volta-shim");
    program(join(home, ".sdkman/candidates/java/21"), "a-java", "sdkman's");
    link(".sdkman/candidates/java/current", "21");
    program(join(root, "linuxbrew/Cellar/tool/1.0"), "tool", "brew's");
    link(join(root, "linuxbrew/bin/tool"), "../Cellar/tool/1.0/bin/tool");
    onPath(".nvm/versions/node/v22.1.0/bin", ".volta/bin", ".sdkman/candidates/java/current/bin");
    process.env.PATH = `${root}/run/fnm_multishells/1_2/bin:${root}/linuxbrew/bin:${process.env.PATH}`;
    expect(await said("a-node; b-node; c-node; a-java; tool")).toBe(
      "nvm's\nfnm's\nvolta's\nsdkman's\nbrew's",
    );
  });

  it("follow links of a folder of programs: a tool in an environment of its own", async () => {
    const tool = join(home, ".local/share/uv/tools/black");
    program(tool, "black", "black's");
    file(join(tool, "pyvenv.cfg"), "home = /usr/bin\n");
    link(".local/bin/black", join(tool, "bin/black"));
    secret(".local/share/other/token");
    onPath(".local/bin");
    expect(await said("black")).toBe("black's");
    expect(await said(`ls -A ${home}/.local/share`)).toBe("uv");
  });

  it("show a program that the command names by its absolute path, with its interpreter", async () => {
    program(join(home, "apps/x"), "python3", "by its path");
    const script = file("scripts/go", `#!${home}/apps/x/bin/python3\n`);
    chmodSync(script, 0o755);
    onPath();
    expect(await said(`${home}/apps/x/bin/python3`)).toBe("by its path");
    expect(await said(`FOO=1 nice ${script}`)).toBe("by its path");
  });

  it("keep the order of the user's PATH", async () => {
    program(join(home, "first"), "tool", "first");
    program(join(home, "last"), "tool", "last");
    program(join(home, "last"), "ls", "not the system's", "ls");
    program(join(home, "first"), "node", "the user's node", "node");
    process.env.PATH = `${home}/first/bin:${system}:${home}/last/bin`;
    const shell = execFileSync("sh", ["-c", "command -v tool ls node"], { encoding: "utf8" });
    expect(await said("command -v tool ls node")).toBe(shell.trim());
    expect(await said("tool; node")).toBe("first\nthe user's node");
    process.env.PATH = `${home}/last/bin:${system}`;
    expect(await said("ls")).toBe("not the system's");
  });

  it("find Whetstone's own Node where there is no other", async () => {
    process.env.PATH = "/bin";
    expect(await said(`PATH=$(echo $PATH | tr : '\\n' | tail -n 1) node -p 1+1`)).toBe("2");
  });

  it("show nothing that looks like a secret, however PATH leads there", async () => {
    const other = join(home, "other");
    for (const path of [
      ".env",
      "config/x.json",
      "bin/.env",
      "bin/id_rsa",
      "lib/a/credentials",
      "share/x/key.pem",
    ])
      secret(join(other, path));
    program(other, "tool", "other's");
    for (const path of ["scripts/.env", "scripts/deploy/id_ed25519"]) secret(path);
    secret("bin/.netrc");
    secret("share/x");
    program(home, "mine", "beside the home folder's own lib");
    for (const folder of ["other/bin", "scripts", "bin", ".", ".ssh"]) {
      onPath(folder);
      const { stdout } = await run(`cat ${home}/.ssh/* ${home}/.netrc; find ${home} -type f -exec cat {} +`);
      expect(stdout).not.toContain("TOP SECRET");
    }
    onPath("other/bin");
    expect(await said("tool")).toBe("other's");
  });

  it("show nothing of what is kept out, though links and environments lead there", async () => {
    const repo = join(root, "repo");
    program(join(repo, "tools"), "tool", "TOP SECRET");
    secret(join(repo, "answers/bin/x"));
    link("bin/into-the-repo", join(repo, "answers/bin/x"));
    link("bin/repo", repo);
    onPath("bin");
    process.env.PATH = `${repo}/tools/bin:${repo}:${process.env.PATH}`;
    for (const command of [`find ${root} -type f -exec cat {} +`, `${repo}/tools/bin/tool`, "tool"])
      expect((await run(command)).stdout).not.toContain("TOP SECRET");
  });

  it("let uv run against an environment that is there, without the network", async () => {
    // A stand-in for uv: it checks the variables that uv's reference documents for this, and starts the command.
    const uv = file(
      ".local/bin/uv",
      [
        "#!/bin/sh",
        '[ "$1" = run ] && shift',
        '[ "$UV_OFFLINE$UV_NO_SYNC" = 11 ] || { echo "would sync" >&2; exit 2; }',
        '[ "$UV_PYTHON_DOWNLOADS" = never ] || { echo "would download" >&2; exit 2; }',
        '[ -d "$UV_PYTHON_INSTALL_DIR" ] || { echo "no interpreters" >&2; exit 2; }',
        'mkdir -p "${UV_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/uv}" || exit 2',
        'PATH="$PWD/${UV_PROJECT_ENVIRONMENT:-.venv}/bin:$PATH" exec "$@"',
      ].join("\n"),
    );
    chmodSync(uv, 0o755);
    const python = program(join(home, ".local/share/uv/python/cpython-3.12"), "python3.12", "through uv");
    const mounts = environment(python);
    onPath(".local/bin");
    expect(await said("uv run python train.py", mounts)).toBe("through uv");
  });

  it("give each run a home of its own, wherever it asks for it", async () => {
    const ask =
      "echo $HOME; getent passwd $(id -u) | cut -d: -f6; ls -A ~ | wc -l; echo x > ~/file && cat ~/file";
    onPath();
    const [first, second, entries, written] = (await said(ask)).split("\n");
    expect(first).toBe(second);
    expect([entries, written]).toEqual(["0", "x"]);
    expect(first).not.toBe("/tmp");
    expect(await said("ls -A ~ | wc -l")).toBe("0");
  });
});

describe.runIf(isL2)("the surroundings of a run", () => {
  const tree = mkdtempSync(join(tmpdir(), "whet-around-"));
  const run = async (command: string, more: Partial<Limits> = {}) => {
    const sandbox = await openSandbox();
    const all = { ...limits, ...more };
    return sandbox.start({ command, tree, cwd: "", mounts: [], hidden: [], env: {}, limits: all }).done;
  };

  it("know localhost without a network, and no other name", async () => {
    const { stdout } = await run(
      "getent ahosts localhost | head -n 1; getent hosts example.org || echo none",
    );
    expect(stdout).toMatch(/^(127\.0\.0\.1|::1)\s[\s\S]*none\n$/);
  });

  it("reach a server on localhost in the same run", async () => {
    const script =
      'const s=require("http").createServer((q,r)=>r.end("here")).listen(0,async()=>{console.log(await(await fetch("http://localhost:"+s.address().port)).text());s.close()})';
    expect((await run(`node -e '${script}'`)).stdout).toBe("here\n");
  });

  it("hold shared memory as large as the budget", async () => {
    const { stdout } = await run("df --output=size -B1 /dev/shm | tail -n 1", { memory: 700 * 2 ** 20 });
    expect(Number(stdout)).toBe(700 * 2 ** 20);
  });

  it("show the processors, and of /etc neither passwords nor keys", async () => {
    const { stdout } = await run(
      "ls -d /sys/devices/system/cpu/cpu0; cat /etc/shadow /etc/gshadow; ls /etc/ssh /etc/ssl/private /sys/class; cat /etc/machine-id",
    );
    expect(stdout.split("\n")[0]).toBe("/sys/devices/system/cpu/cpu0");
    expect(stdout.trim().split("\n")).toHaveLength(2);
  });
});
