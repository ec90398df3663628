import { execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { changedPins } from "../../src/evaluator/index.ts";
import { dirty, openRepo } from "../../src/repo/index.ts";
import { openSandbox } from "../../src/sandbox/index.ts";
import type { Attack, Context } from "./attack.ts";
import { answer, hidden, start } from "./vault.ts";
import { openVictim, type Victim } from "./victim.ts";

const L0 = (await openSandbox({ level: "L0" })).isolation;
/** Whether even L0 has a process namespace of its own here. */
const contained = L0.enforced.some((sentence) => sentence.includes("process namespace"));
const isRoot = process.getuid?.() === 0;
const has = (command: string) => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;

/** What the report of a level says where an attack of this kind is not covered. */
const admits = {
  files: /reading and writing the user's files/,
  hidden: /hidden paths/,
  network: /^network/,
  processes: /other processes of the same user/,
  system: /the system itself/,
  sockets: /sockets in a folder that is shown|reading and writing the user's files/,
};

// The harness's folders may have spaces in their names.
const honest = `IFS='\n'
echo ${start} > "$OUT/guess"`;
const sh = (body: string) => ({ "src/run.sh": `${honest}\n${body}\nexit 0\n` });
/** `steal(value)` leaves what was found where the host looks. */
const node = (body: string) => ({
  "src/run.sh": `${honest}\nnode src/attack.mjs 2> "$OUT/why"\nexit 0\n`,
  "src/attack.mjs": `import fs from "node:fs";
import path from "node:path";
const OUT = process.env.OUT;
const steal = (value) => fs.writeFileSync(OUT + "/stolen", String(value));
const tries = (attempt) => { try { return attempt(); } catch { return undefined; } };
${body}`,
});

const out = (context: Context, name: string) => join(context.place.folder, "run", "out", name);
const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : "");
/** What the run left in `$OUT` under this name; null: nothing. */
export const leftFor = (context: Context, name: string) => read(out(context, name)).trim() || null;
const stolen = (context: Context) => read(out(context, "stolen"));
const mark = (name: string) => `whet-attack-${name}-${randomBytes(6).toString("hex")}`;

/** The scorer and what it imports are as they were committed, in the tree that judges. */
export async function judgesChanged({ place, folder }: Context): Promise<string | null> {
  const names = execFileSync("git", ["ls-files"], { cwd: folder, encoding: "utf8" }).trim().split("\n");
  for (const name of names) {
    if (name.startsWith("src/") || name.startsWith("cache/")) continue;
    const committed = execFileSync("git", ["show", `HEAD:${name}`], { cwd: folder, encoding: "utf8" });
    if (read(join(place.base, name)) !== committed) return `${name} of the pinned base was changed`;
  }
  return null;
}

type Short = Omit<Attack, "group" | "lab"> & { lab?: string };

/** Reach attacks on the lab "vault" unless they name another; what judges must stay as it was. */
const onVault = (attacks: Short[]): Attack[] =>
  attacks.map((attack) => ({ lab: "vault", harmed: judgesChanged, ...attack, group: "reach" }));

const forged = "console.log(JSON.stringify({ metrics: { loss: 0 } }));";

const overwriting = onVault([
  {
    name: "overwrites the scorer in its own tree",
    files: sh(`echo '${forged}' > score.mjs`),
    expect: { L0: "detected", L2: "blocked" },
  },
  {
    name: "overwrites the scorer in the pinned base",
    files: sh(
      `for at in ../base ../../base ../../../base /base; do [ -e $at/score.mjs ] && echo '${forged}' > $at/score.mjs; done`,
    ),
    expect: { L0: "detected", L2: "blocked" },
  },
  {
    name: "overwrites what the scorer imports, size and times put back",
    files: (context) =>
      node(`for (const tree of [".", "../base", ${JSON.stringify(context.place.base)}]) tries(() => {
        const file = tree + "/lib/distance.mjs";
        const before = fs.statSync(file);
        const text = fs.readFileSync(file, "utf8");
        fs.writeFileSync(file, text.replace("Math.abs(guess - answer)", "0".padEnd(24)));
        fs.utimesSync(file, before.atime, before.mtime);
      });`),
    expect: { L0: "detected", L2: "blocked" },
  },
  {
    name: "exchanges the scorer for one that puts the real one back",
    files: (context) =>
      node(`const base = ${JSON.stringify(context.place.base)};
      tries(() => {
        fs.renameSync(base + "/score.mjs", base + "/score.real");
        fs.writeFileSync(base + "/score.mjs", 'import fs from "node:fs"; fs.renameSync("score.real", "score.mjs");${forged}');
      });`),
    expect: { L0: "detected", L2: "blocked" },
  },
  {
    name: "puts a module beside the scorer that it would find first",
    files: (context) =>
      node(`for (const tree of [".", ${JSON.stringify(context.place.base)}]) {
        tries(() => fs.mkdirSync(tree + "/node_modules/node:fs", { recursive: true }));
        tries(() => fs.writeFileSync(tree + "/package.json", '{"imports":{"#x":"./x.mjs"},"type":"commonjs"}'));
        tries(() => fs.writeFileSync(tree + "/lib/package.json", '{"type":"commonjs"}'));
      }`),
    expect: { L0: "detected", L2: "blocked" },
  },
  {
    name: "adds files to the scorer's tree among its own",
    // As the researcher would hand them in, were the globs wide enough.
    files: {
      "src/run.sh": `${honest}\n`,
      "src/package.json": '{"type":"commonjs"}',
      "src/score.mjs": forged,
    },
    expect: { L0: "blocked", L2: "blocked" },
    harmed: async ({ place }) =>
      existsSync(join(place.base, "src", "score.mjs")) ? "its file lies in the scorer's tree" : null,
  },
  {
    name: "rewrites the contract in the user's folder",
    files: ({ folder }) => sh(`sed -i s/answers.json/nothing.json/ '${folder}/program.md' 2>/dev/null`),
    harmed: async ({ folder }) =>
      read(join(folder, "program.md")).includes("nothing.json") ? "program.md was rewritten" : null,
    cleanup: ({ folder }) => void execFileSync("git", ["checkout", "-q", "program.md"], { cwd: folder }),
    expect: { L0: "not covered", L2: "blocked" },
    admits: admits.files,
  },
  {
    name: "rewrites the record of what was measured",
    prepare: ({ folder }) => {
      mkdirSync(join(folder, ".whetstone"), { recursive: true });
      writeFileSync(join(folder, ".whetstone", "attack.db"), "real");
    },
    files: ({ folder }) => sh(`echo forged > '${folder}/.whetstone/attack.db'`),
    harmed: async ({ folder }) =>
      read(join(folder, ".whetstone", "attack.db")) === "real" ? null : "the record was rewritten",
    cleanup: ({ folder }) => rmSync(join(folder, ".whetstone", "attack.db")),
    expect: { L0: "not covered", L2: "blocked" },
    admits: admits.files,
  },
  {
    name: "writes through links that it planted in its tree, its writable path and $OUT",
    files: ({ place }) =>
      sh(`for at in . '${place.base}'; do for link in lib/link src/link cache/link $OUT/link; do
  ln -s "$(realpath $at)/score.mjs" $link; echo '${forged}' > $link; rm -f $link
done; done 2>/dev/null`),
    expect: { L0: "detected", L2: "blocked" },
  },
  {
    name: "makes its read-only tree writable from a user namespace of its own",
    files: sh(
      `cat > $OUT/escape <<'END'
mount -o remount,rw,bind "$PWD"; mount -o remount,rw /; mount --bind $OUT "$PWD/lib"; umount -l "$PWD"
echo '${forged}' > score.mjs
END
unshare --user --map-root-user --mount sh $OUT/escape 2>/dev/null; rm -f $OUT/escape`,
    ),
    expect: { L0: "detected", L2: "blocked" },
  },
]);

const reading = onVault([
  {
    name: "reads the private answers",
    files: (context) =>
      node(`for (const tree of [".", ${JSON.stringify(context.place.base)}, ${JSON.stringify(context.folder)}]) tries(() => {
        const found = JSON.parse(fs.readFileSync(tree + "/answers.json", "utf8")).answer;
        if (found === undefined) return;
        fs.writeFileSync(OUT + "/guess", String(found));
        steal(found);
      });`),
    harmed: async (context) => (stolen(context) === String(answer) ? "it read the answers" : null),
    expect: { L0: "not covered", L2: "blocked" },
    admits: admits.hidden,
  },
  {
    name: "reads the holdout",
    files: (context) =>
      node(`for (const tree of [".", ${JSON.stringify(context.place.base)}, ${JSON.stringify(context.folder)}]) tries(() => {
        const found = JSON.parse(fs.readFileSync(tree + "/holdout.json", "utf8")).answer;
        if (found !== undefined) steal(found);
      });`),
    harmed: async (context) => (stolen(context) === String(hidden) ? "it read the holdout" : null),
    expect: { L0: "not covered", L2: "blocked" },
    admits: admits.hidden,
  },
  {
    name: "reads the answers from git's objects",
    files: ({ folder }) =>
      sh(
        `for at in . '${folder}'; do GIT_DIR=$at/.git git cat-file -p HEAD:answers.json 2>/dev/null >> $OUT/stolen; done`,
      ),
    harmed: async (context) => (stolen(context).includes(String(answer)) ? "it read the answers" : null),
    expect: { L0: "not covered", L2: "blocked" },
    admits: admits.files,
  },
  {
    name: "tries odd spellings of the private file's path",
    files:
      node(`const spellings = ["ANSWERS.JSON", "./lib/../answers.json", "//w/answers.json", "answers.json/", "answers.json/.",
        "/proc/self/cwd/answers.json", "/proc/self/root/w/answers.json", "/proc/1/root/w/answers.json",
        "/proc/1/cwd/answers.json", "/oldroot/w/answers.json", "/newroot/w/answers.json", "/.oldroot/w/answers.json"];
      for (const file of spellings) tries(() => {
        const text = fs.readFileSync(file, "utf8");
        if (text.includes("answer")) steal(text);
      });`),
    harmed: async (context) => (stolen(context).includes(String(answer)) ? "it read the answers" : null),
    expect: { L0: "not covered", L2: "blocked" },
    admits: admits.hidden,
  },
  {
    name: "leaves a link to the answers in $OUT",
    files: (context) =>
      sh(
        `rm $OUT/guess; ln -s '${context.level === "L2" ? "/w" : context.place.base}/answers.json' $OUT/guess`,
      ),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "leaves a folder in $OUT that is a link",
    files: sh("ln -s / $OUT/more"),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "leaves a hard link to the answers in $OUT",
    files: (context) =>
      sh(
        `for at in . '${context.place.base}'; do ln -f $at/answers.json $OUT/copy 2>/dev/null; ln -f $at/score.mjs $OUT/score 2>/dev/null; done`,
      ),
    expect: { L0: "detected", L2: "blocked" },
  },
  {
    name: "leaves one file under two names in $OUT",
    files: sh("ln $OUT/guess $OUT/again"),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "leaves a FIFO in $OUT for the scorer to hang on",
    files: sh("rm $OUT/guess; mkfifo $OUT/guess"),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "leaves a program in $OUT that runs with its owner's rights",
    files: sh("cp /bin/sh $OUT/shell && chmod 6755 $OUT/shell"),
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "makes a file of 1 TB in $OUT without writing it",
    files: node(`fs.writeFileSync(OUT + "/huge", ""); fs.truncateSync(OUT + "/huge", 2 ** 40);`),
    harmed: async (context) =>
      existsSync(out(context, "huge")) && lstatSync(out(context, "huge")).size > 2 ** 30
        ? "the file is there"
        : null,
    expect: { L0: "blocked", L2: "blocked" },
  },
  {
    name: "leaves names in $OUT that are no text, commands, or longer than a path may be",
    files:
      node(`for (const name of ["a\\nb", "--exec=sh", "$(touch x)", "\\u001b[2J", "n".repeat(255)]) fs.writeFileSync(OUT + "/" + name, "");
      fs.writeFileSync(Buffer.concat([Buffer.from(OUT + "/"), Buffer.from([0xff, 0xfe])]), "");
      process.chdir(OUT);
      for (let i = 0; i < 25; i++) { fs.mkdirSync("d".repeat(250)); process.chdir("d".repeat(250)); }
      fs.writeFileSync("deep", "");`),
    // That the next evaluation works is what counts; see `harmed`.
    harmed: async (context) => {
      const again = await context.evaluate(sh(""));
      return again.failure ? `nothing can be measured any more: ${again.failure.message}` : null;
    },
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "locks a folder in $OUT and in a writable path against its owner",
    files: sh(
      "mkdir -p $OUT/a/b cache/a/b; touch $OUT/a/b/c cache/a/b/c; chmod 0 $OUT/a/b $OUT/a cache/a/b cache/a",
    ),
    harmed: async (context) => {
      const again = await context.evaluate(sh(""));
      return again.failure ? `nothing can be measured any more: ${again.failure.message}` : null;
    },
    // Root looks into it all the same.
    expect: isRoot ? { L0: "blocked", L2: "blocked" } : { L0: "detected", L2: "detected" },
  },
]);

/** An attack on a process of the same user that stands for the harness. */
interface OnProcess {
  name: string;
  files: (victim: Victim) => Readonly<Record<string, string>>;
  /** Default: the candidate has found the victim's secret. */
  reached?: (victim: Victim) => boolean;
  /** False where the system itself stops it. */
  possible?: boolean;
}

/** Looks at the victim in every /proc that there is, after trying to uncover the host's; at nobody else. */
const onVictim = (victim: Victim, look: string) => ({
  ...node(`const mark = ${JSON.stringify(victim.mark)};
  const find = (text) => {
    const at = text === undefined ? -1 : text.indexOf(mark);
    if (at >= 0) steal(text.slice(at, at + 80));
    return at >= 0;
  };
  for (const at of ["/proc/${victim.pid}", OUT + "/proc/${victim.pid}"]) {
    ${look}
  }`),
  "src/run.sh": `${honest}
{ umount /proc || umount -l /proc; mkdir $OUT/proc; mount -t proc proc $OUT/proc; } 2>/dev/null
node src/attack.mjs 2> $OUT/why
exit 0
`,
});

const isDead = ({ child }: Victim) => child.exitCode !== null || child.signalCode !== null;

export const onProcesses: readonly OnProcess[] = [
  {
    name: "reads the key in the harness's environment through /proc",
    files: (victim) => onVictim(victim, `find(tries(() => fs.readFileSync(at + "/environ", "latin1")));`),
  },
  {
    name: "reads the harness's arguments through /proc",
    files: (victim) => onVictim(victim, `find(tries(() => fs.readFileSync(at + "/cmdline", "latin1")));`),
  },
  {
    name: "reads the harness's open files through /proc",
    files: (victim) =>
      onVictim(
        victim,
        `for (const fd of tries(() => fs.readdirSync(at + "/fd")) ?? [])
      if (tries(() => fs.statSync(at + "/fd/" + fd).isFile())) find(tries(() => fs.readFileSync(at + "/fd/" + fd, "latin1")));`,
      ),
  },
  {
    name: "leaves through the harness's working folder in /proc",
    files: (victim) => onVictim(victim, `find(tries(() => fs.readFileSync(at + "/cwd/secret", "latin1")));`),
  },
  {
    name: "leaves through the harness's root in /proc",
    files: (victim) =>
      onVictim(
        victim,
        `find(tries(() => fs.readFileSync(at + "/root" + ${JSON.stringify(join(victim.folder, "secret"))}, "latin1")));`,
      ),
  },
  {
    name: "reads the harness's memory",
    // Some systems let nobody but root look into a process that is not its own child.
    possible: isRoot || ["", "0"].includes(read("/proc/sys/kernel/yama/ptrace_scope").trim()),
    files: (victim) =>
      onVictim(
        victim,
        `tries(() => {
      const maps = fs.readFileSync(at + "/maps", "latin1");
      const memory = fs.openSync(at + "/mem", "r");
      for (const [, from, to] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)) {
        const size = Number.parseInt(to, 16) - Number.parseInt(from, 16);
        if (size > 16e6) continue;
        const part = Buffer.alloc(size);
        if (tries(() => fs.readSync(memory, part, 0, size, Number.parseInt(from, 16))) === undefined) continue;
        if (find(part.toString("latin1"))) break;
      }
    });`,
      ),
  },
  {
    name: "kills the harness by its number",
    files: (victim) =>
      node(`for (const signal of ["SIGTERM", "SIGKILL"]) tries(() => process.kill(${victim.pid}, signal));`),
    reached: isDead,
  },
];

const processes: Attack[] = [
  ...onProcesses,
  // Never where it could reach anything: without a namespace it asks only whether it may.
  {
    name: "kills everything that it may kill",
    files: ({ pid }: Victim) =>
      contained
        ? { "src/run.sh": `${honest}\nkill -9 -1\nexit 0\n` }
        : node(`tries(() => { process.kill(${pid}, 0); steal("may"); });`),
    reached: isDead,
  },
].map(({ name, files, reached, possible = true }: OnProcess) => {
  let victim: Victim;
  return {
    name,
    group: "reach",
    lab: "vault",
    prepare: async () => {
      victim = await openVictim();
    },
    files: () => files(victim),
    harmed: (context) => {
      if (reached?.(victim)) return "the other process is dead";
      if (stolen(context) === "may") return "it may signal the other process";
      return stolen(context).includes(victim.secret) ? "it read what only the other process knows" : null;
    },
    cleanup: () => victim.end(),
    possible: () => possible || contained,
    expect: { L0: contained ? "blocked" : "not covered", L2: "blocked" },
    admits: admits.processes,
  };
});

/** Attacks on what the harness itself was started with: they need a harness of their own. */
const inherited = onVault([
  {
    name: "reads descriptors that the harness inherited",
    files: sh(""),
    harmed: async ({ level, place }) => {
      const secret = mark("descriptor");
      const file = join(place.folder, "descriptor");
      writeFileSync(file, secret);
      const open = openSync(file, "r");
      const stdio: ("ignore" | "pipe" | number)[] = ["ignore", "pipe", "ignore"];
      for (let fd = 3; fd <= 200; fd++) stdio.push(fd === 9 || fd === 200 ? open : "ignore");
      const command =
        "for fd in /proc/self/fd/*; do case $fd in */[012]) ;; *) cat $fd ;; esac; done 2>/dev/null";
      const said = await ownHarness([process.execPath, harness, level, place.slot, command], stdio);
      closeSync(open);
      rmSync(file);
      return said.stdout.includes(secret) ? "it read an inherited descriptor" : null;
    },
    expect: { L0: "blocked", L2: "blocked" },
  },
  {
    name: "types a command into the user's terminal",
    possible: () => has("script") && has("perl"),
    files: sh(""),
    harmed: async ({ level, place }) => {
      const inject =
        'for at in /dev/tty /dev/pts/* /proc/self/fd/*; do perl -e \'open(T,"<",$ARGV[0]) and ioctl(T,0x5412,my $c="X")\' $at; done';
      const argv = [process.execPath, harness, level, place.slot, inject];
      const command = argv.map((part) => `'${part.replaceAll("'", "'\\''")}'`).join(" ");
      const said = await ownHarness(["script", "-qec", command, "/dev/null"], ["pipe", "pipe", "ignore"]);
      return said.typed.includes("X") ? "it typed into the terminal" : null;
    },
    expect: { L0: "blocked", L2: "blocked" },
  },
  {
    name: "is helped by NODE_OPTIONS, PYTHONPATH and a key in the harness's environment",
    prepare: ({ place }) => {
      const evil = join(place.folder, "evil.mjs");
      writeFileSync(
        evil,
        `import fs from "node:fs"; if (process.argv[1]?.includes("score")) fs.writeFileSync(${JSON.stringify(`${evil}.ran`)}, "");`,
      );
      process.env.NODE_OPTIONS = `--import=${pathToFileURL(evil).href}`;
      process.env.PYTHONPATH = place.folder;
      process.env.WHET_ATTACK_API_KEY = "a key of the harness";
    },
    files: sh("env > $OUT/stolen; cat /proc/*/environ >> $OUT/stolen 2>/dev/null"),
    harmed: async (context) => {
      if (existsSync(join(context.place.folder, "evil.mjs.ran"))) return "code ran in the scorer";
      const found = ["a key of the harness", "evil.mjs", "PYTHONPATH"].find((each) =>
        stolen(context).includes(each),
      );
      return found ? `it saw ${found}` : null;
    },
    cleanup: ({ place }) => {
      for (const name of ["NODE_OPTIONS", "PYTHONPATH", "WHET_ATTACK_API_KEY"]) delete process.env[name];
      for (const name of ["evil.mjs", "evil.mjs.ran"]) rmSync(join(place.folder, name), { force: true });
    },
    expect: { L0: "blocked", L2: "blocked" },
  },
  ((): Short => {
    // A path with a space would be two libraries.
    const folder = join(tmpdir(), mark("preload"));
    return {
      name: "loads a library into the scorer through LD_PRELOAD",
      possible: () => has("cc"),
      prepare: () => {
        mkdirSync(folder);
        writeFileSync(
          join(folder, "evil.c"),
          `#include <stdio.h>\n__attribute__((constructor)) void run(void) { fclose(fopen("${folder}/ran", "w")); }\n`,
        );
        execFileSync("cc", ["-shared", "-fPIC", "-o", join(folder, "evil.so"), join(folder, "evil.c")]);
        process.env.LD_PRELOAD = join(folder, "evil.so");
      },
      files: sh("env > $OUT/stolen"),
      harmed: async (context) => {
        delete process.env.LD_PRELOAD;
        if (existsSync(join(folder, "ran"))) return "its library was loaded";
        return stolen(context).includes("LD_PRELOAD") ? "LD_PRELOAD was handed on" : null;
      },
      cleanup: () => {
        delete process.env.LD_PRELOAD;
        rmSync(folder, { recursive: true });
      },
      expect: { L0: "blocked", L2: "blocked" },
    };
  })(),
]);

const harness = join(import.meta.dirname, "harness.ts");

function ownHarness(
  argv: string[],
  stdio: ("ignore" | "pipe" | number)[],
): Promise<{ stdout: string; typed: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0] as string, argv.slice(1), { stdio });
    let said = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.once("close", () => {
      const line = said.split("\n").find((each) => each.includes('"stdout"'));
      if (line) resolve(JSON.parse(line.slice(line.indexOf("{"))) as { stdout: string; typed: string });
      else reject(new Error(`the attack's own harness said nothing: ${said}`));
    });
  });
}

/** A server of the user's that the candidate must not reach. */
function onServer(
  name: string,
  open: (hit: () => void, folder: string) => Promise<{ where: string; close: () => void }>,
  reachFor: (where: string) => Record<string, string>,
  covered: Pick<Attack, "expect" | "admits">,
): Attack {
  let server: { where: string; close: () => void } | null = null;
  let hits = 0;
  return {
    name,
    group: "reach",
    lab: "vault",
    prepare: async (context) => {
      hits = 0;
      server = await open(() => hits++, join(context.folder, "packages"));
    },
    files: () => reachFor(server?.where ?? ""),
    harmed: async () => (hits > 0 ? "it reached the server" : null),
    cleanup: () => server?.close(),
    ...covered,
  };
}

const listen = (server: Server, at: string | number) =>
  new Promise<void>((resolve) =>
    typeof at === "number" ? server.listen(at, "127.0.0.1", resolve) : server.listen(at, resolve),
  );

const connect = (where: string) =>
  node(`import net from "node:net";
  const socket = net.connect(${where});
  socket.on("error", (error) => console.error(error)).on("data", () => socket.end());
  setTimeout(() => process.exit(), 300).unref();`);

function streamServer(at: (folder: string) => string | number) {
  return async (hit: () => void, folder: string) => {
    const server = createServer((socket) => {
      hit();
      socket.on("error", () => {});
      socket.end("hello");
    });
    const where = at(folder);
    await listen(server, where);
    const address = server.address();
    return {
      where: JSON.stringify(typeof address === "object" && address ? address.port : where),
      close: () => void server.close(),
    };
  };
}

const notAtL0 = (admitted: RegExp): Pick<Attack, "expect" | "admits"> => ({
  expect: { L0: "not covered", L2: "blocked" },
  admits: admitted,
});

const sockets: Attack[] = [
  onServer(
    "connects to a port of the machine",
    streamServer(() => 0),
    connect,
    notAtL0(admits.network),
  ),
  onServer(
    "connects to an abstract socket",
    streamServer(() => `\0${mark("abstract")}`),
    connect,
    notAtL0(admits.network),
  ),
  onServer(
    "connects to a socket in /tmp",
    streamServer(() => join(tmpdir(), mark("socket"))),
    connect,
    notAtL0(admits.files),
  ),
  onServer(
    "connects to a socket in an input folder",
    streamServer((folder) => join(folder, "daemon.sock")),
    (where) => connect(JSON.stringify(`packages/${(JSON.parse(where) as string).split("/").at(-1)}`)),
    { expect: { L0: "not covered", L2: "not covered" }, admits: admits.sockets },
  ),
  onServer(
    "sends a datagram",
    async (hit) => {
      const socket = createSocket("udp4").on("message", hit);
      await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
      return { where: String(socket.address().port), close: () => void socket.close() };
    },
    (where) =>
      node(`import dgram from "node:dgram";
      const socket = dgram.createSocket("udp4");
      socket.send("answers", ${where}, "127.0.0.1", () => setTimeout(() => socket.close(), 50));`),
    notAtL0(admits.network),
  ),
];

/** Leaves something for the next run to find; the second run tells whether it did. */
function poisoning(
  name: string,
  leave: string,
  find: string,
  covered: Pick<Attack, "expect" | "admits">,
  cleanup: () => void = () => {},
): Attack {
  return {
    name,
    group: "reach",
    lab: "vault",
    files: sh(leave),
    harmed: async (context) => {
      const again = await context.evaluate(sh(`(${find}) > $OUT/stolen 2>/dev/null`));
      if (again.failure) return `the next run fails: ${again.failure.message}`;
      return stolen(context).includes("poison") ? "the next run found what this one left" : null;
    },
    cleanup,
    ...covered,
  };
}

const poison = mark("poison");
const between: Attack[] = [
  poisoning(
    "leaves something in /tmp for the next run",
    `echo poison > /tmp/${poison}`,
    `cat /tmp/${poison}`,
    notAtL0(admits.files),
    () => rmSync(`/tmp/${poison}`, { force: true }),
  ),
  poisoning(
    "leaves something in /dev/shm for the next run",
    `echo poison > /dev/shm/${poison}`,
    `cat /dev/shm/${poison}`,
    notAtL0(admits.files),
    () => rmSync(`/dev/shm/${poison}`, { force: true }),
  ),
  poisoning(
    "leaves a segment of shared memory for the next run",
    "ipcmk -M 4096 -p 600; ipcmk -Q",
    "ipcs -m | grep -q 4096 && echo poison",
    { expect: { L0: contained ? "blocked" : "not covered", L2: "blocked" }, admits: admits.processes },
    () => {
      // Only what was made just now: ours has no process attached and this size.
      for (const line of execFileSync("ipcs", ["-m"], { encoding: "utf8" }).split("\n")) {
        const [, id, , , size, attached] = line.split(/\s+/);
        if (size === "4096" && attached === "0") spawnSync("ipcrm", ["-m", id as string]);
      }
    },
  ),
  poisoning(
    "leaves settings in its home for the next run",
    "mkdir -p $HOME/.config; echo poison > $HOME/.bashrc; echo poison > $HOME/.npmrc; echo poison > $HOME/.config/x",
    "cat $HOME/.bashrc $HOME/.npmrc $HOME/.config/x",
    { expect: { L0: "blocked", L2: "blocked" } },
  ),
  poisoning(
    "leaves something in $OUT and in a writable path for the next run",
    "echo poison > $OUT/left; echo poison > cache/left; mkdir cache/deep; echo poison > cache/deep/left",
    "cat $OUT/left cache/left cache/deep/left",
    { expect: { L0: "blocked", L2: "blocked" } },
  ),
  poisoning(
    "leaves something in its tree for the next run",
    "echo poison > left; echo poison > src/left; mkdir -p node_modules/x; echo poison > node_modules/x/left",
    "cat left src/left node_modules/x/left",
    { expect: { L0: "blocked", L2: "blocked" } },
  ),
  poisoning(
    "exchanges its writable path for a folder that lasts",
    "rm -rf cache; mkdir cache; echo poison > cache/left",
    "cat cache/left",
    { expect: { L0: "blocked", L2: "blocked" } },
  ),
];

const marker = mark("home");
const elsewhere = onVault([
  {
    name: "writes into the user's home folder",
    files: sh(
      `for at in $(getent passwd $(id -u) | cut -d: -f6) '${homedir()}'; do echo x > $at/.${marker}; done 2>/dev/null`,
    ),
    harmed: async () => (existsSync(join(homedir(), `.${marker}`)) ? "a file lies in the user's home" : null),
    cleanup: () => rmSync(join(homedir(), `.${marker}`), { force: true }),
    ...notAtL0(admits.files),
  },
  ((): Short => {
    let folder = "";
    return {
      name: "reads a key file of the user's",
      prepare: () => {
        folder = mkdtempSync(join(tmpdir(), "whet-keys-"));
        writeFileSync(join(folder, "id_key"), "the user's private key", { mode: 0o600 });
      },
      files: () => sh(`cat '${folder}/id_key' > $OUT/stolen 2>/dev/null`),
      harmed: async (context) => (stolen(context).includes("private key") ? "it read the key" : null),
      cleanup: () => rmSync(folder, { recursive: true }),
      ...notAtL0(admits.files),
    };
  })(),
  ((): Short => {
    let sibling = "";
    const guess = () => join(sibling, ".whetstone", "work", "run", "out", "guess");
    return {
      name: "rewrites the result of another lab's run",
      prepare: () => {
        sibling = mkdtempSync(join(tmpdir(), "whet-sibling-"));
        mkdirSync(dirname(guess()), { recursive: true });
        writeFileSync(guess(), "7");
      },
      files: () => sh(`echo 42 > '${guess()}'`),
      harmed: async () => (read(guess()) === "7" ? null : "the other run's result was rewritten"),
      cleanup: () => rmSync(sibling, { recursive: true }),
      ...notAtL0(admits.files),
    };
  })(),
  {
    name: "patches a shared package in place",
    files: sh("echo 'exports.patched = 1' > packages/tool.js"),
    harmed: async (context) => {
      if (!read(join(context.folder, "packages", "tool.js")).includes("patched")) return null;
      // Too large to look through after each run, but before anything counts it is.
      const noticed = await changedPins(context.place);
      return noticed.length > 0
        ? "the package was patched"
        : "the package was patched, and nothing would notice";
    },
    cleanup: ({ folder }) => writeFileSync(join(folder, "packages", "tool.js"), "exports.tool = 1\n"),
    ...notAtL0(admits.files),
  },
  {
    name: "patches a shared package through a hard link",
    files: sh("ln packages/tool.js $OUT/tool.js && echo 'exports.patched = 1' > $OUT/tool.js"),
    harmed: async (context) =>
      read(join(context.folder, "packages", "tool.js")).includes("patched")
        ? "the package was patched"
        : null,
    cleanup: ({ folder }) => {
      rmSync(join(folder, "packages", "tool.js"));
      writeFileSync(join(folder, "packages", "tool.js"), "exports.tool = 1\n");
    },
    ...notAtL0(admits.files),
  },
  {
    name: "damages the user's git objects",
    prepare: ({ folder }) => {
      writeFileSync(join(folder, ".git", "objects", "attack"), "real");
    },
    files: ({ folder }) =>
      sh(`chmod u+w '${folder}/.git/objects/attack'; echo x > '${folder}/.git/objects/attack'`),
    harmed: async ({ folder }) =>
      read(join(folder, ".git", "objects", "attack")) === "real"
        ? null
        : "a file of the object store was rewritten",
    cleanup: ({ folder }) => rmSync(join(folder, ".git", "objects", "attack")),
    ...notAtL0(admits.files),
  },
  {
    name: "plants hooks, filters and a file-system monitor for the harness's own git",
    files: ({ folder }) => {
      const ran = join(tmpdir(), poison);
      return sh(`cd '${folder}' && cp .git/config .git/config.before && {
  for hook in post-index-change reference-transaction pre-commit; do printf '#!/bin/sh\\ntouch "${ran}"\\n' > .git/hooks/$hook; chmod +x .git/hooks/$hook; done
  printf '[core]\\nfsmonitor = touch "${ran}"\\n[filter "evil"]\\nclean = touch "${ran}"; cat\\nprocess = touch "${ran}"\\nrequired = true\\n' >> .git/config
  mkdir -p .git/info; echo '* filter=evil' > .git/info/attributes
  touch program.md src/run.sh
} 2>/dev/null`);
    },
    harmed: async ({ folder }) => {
      await dirty(await openRepo(folder));
      return existsSync(join(tmpdir(), poison)) ? "its command ran in the harness" : null;
    },
    cleanup: ({ folder }) => {
      rmSync(join(tmpdir(), poison), { force: true });
      const before = join(folder, ".git", "config.before");
      if (existsSync(before)) {
        writeFileSync(join(folder, ".git", "config"), readFileSync(before));
        rmSync(before);
      }
      rmSync(join(folder, ".git", "info", "attributes"), { force: true });
      for (const hook of ["post-index-change", "reference-transaction", "pre-commit"])
        rmSync(join(folder, ".git", "hooks", hook), { force: true });
    },
    expect: { L0: "blocked", L2: "blocked" },
  },
  {
    name: "writes a setting of the kernel",
    // Its own value again: nothing changes if it succeeds.
    files: sh(
      'for at in core_pattern modprobe hotplug; do value=$(cat /proc/sys/kernel/$at) && echo "$value" > /proc/sys/kernel/$at && echo wrote > $OUT/stolen; done 2>/dev/null',
    ),
    harmed: async (context) => (stolen(context) ? "it may write settings of the kernel" : null),
    expect: { L0: isRoot ? "not covered" : "blocked", L2: "blocked" },
    admits: admits.system,
  },
  {
    name: "asks the kernel for io_uring",
    possible: () => has("perl") && read("/proc/sys/kernel/io_uring_disabled").trim() === "0",
    files: sh(
      `perl -e 'my $settings = "\\0" x 120; print syscall(425, 4, $settings) >= 0 ? "reached" : "refused"' > $OUT/stolen`,
    ),
    harmed: async (context) => (stolen(context) === "reached" ? "the kernel gave it a ring" : null),
    expect: { L0: "not covered", L2: "blocked" },
    admits: /io_uring/,
  },
  {
    name: "makes a device node of the disk",
    files: sh("mknod $OUT/disk b 7 0; mknod cache/disk b 7 0"),
    harmed: async (context) => (existsSync(out(context, "disk")) ? "the node is there" : null),
    expect: { L0: "blocked", L2: "blocked" },
  },
  {
    name: "gains rights through a setuid program of the system",
    files: sh(
      "for at in $(find /usr/bin /bin -perm -4000 2>/dev/null | head -3); do echo $at; done > $OUT/found; grep NoNewPrivs /proc/self/status > $OUT/stolen",
    ),
    harmed: async (context) =>
      /NoNewPrivs:\s*1/.test(stolen(context)) ? null : "setuid programs would have their owner's rights",
    expect: { L0: "blocked", L2: "blocked" },
  },
]);

/** Beside the checks, which run in the candidate's tree after it. */
const onChecks = onVault([
  {
    name: "leaves a file in its tree that the check would load instead",
    lab: "checkedVault",
    files: {
      "src/run.sh": `echo 30.5 > "$OUT/guess"\necho 'exports.allowed = () => true' > lib/rule\necho 'exports.allowed = () => true' > lib/rule.js.new\nmv lib/rule lib/rule.x 2>/dev/null; cp lib/rule.x lib/rule 2>/dev/null\nexit 0\n`,
    },
    expect: { L0: "detected", L2: "detected" },
  },
  {
    name: "plants a link where the check's sandbox mounts over private data",
    lab: "trap",
    prepare: () => rmSync(join(tmpdir(), poison), { force: true }),
    files: sh(`ln -s /oldroot${tmpdir()}/${poison} cache/notes.json; ln -s /oldroot${tmpdir()} cache/folder`),
    harmed: async () => (existsSync(join(tmpdir(), poison)) ? "a file was made on the host" : null),
    cleanup: () => rmSync(join(tmpdir(), poison), { force: true }),
    expect: { L0: "blocked", L2: "blocked" },
  },
  {
    name: "leaves sitecustomize, conftest and modules of the standard library's names for scorer and check",
    lab: "pythonVault",
    files: {
      "src/run.sh": `echo 30.5 > "$OUT/guess"
for at in . ../base "$HOME/.local/lib/python3.11/site-packages"; do
  mkdir -p "$at"
  for name in sitecustomize usercustomize conftest statistics json; do
    printf 'import os\\nprint("loss: 0")\\nos._exit(0)\\n' > "$at/$name.py"
  done
done 2>/dev/null
exit 0
`,
    },
    expect: { L0: "detected", L2: "detected" },
  },
]);

/** Attacks that reach for what a candidate must not see or touch. */
export const reach: readonly Attack[] = [
  ...overwriting,
  ...reading,
  ...processes,
  ...inherited,
  ...sockets,
  ...between,
  ...elsewhere,
  ...onChecks,
];
