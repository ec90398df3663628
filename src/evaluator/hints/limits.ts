import { posix } from "node:path";
import { homePlace, treePlace } from "../../sandbox/index.ts";
import { type GrantHint, type HintFacts, yamlLine } from "./facts.ts";

const readOnly =
  /read-only file system|EROFS|attempt to write a readonly database|unable to open database file|os error 30\b/i;

/** Node's words for a folder that cannot be made, also where the file system is read-only. */
const made = /ENOENT: no such file or directory, mkdir '([^']+)'/;

/** Writes beside the sources: the tree is read-only unless the contract says otherwise. */
export function readOnlyTree({ log, contract, host }: HintFacts): GrantHint[] {
  if (contract.tree === "overlay") return [];
  const line = log.split("\n").find((each) => readOnly.test(each) || made.test(each));
  if (line === undefined) return [];
  const folderMade = made.exec(line)?.[1];
  const path = folderMade === undefined ? writtenPath(line, host.lab) : inLab(folderMade, host.lab);
  const what = path === null ? "beside its sources" : path;
  const folder = path === null ? null : folderMade === undefined ? topFolder(path) : firstPart(path);
  const overlay = "`tree: overlay` (the whole tree may be written and what was written is thrown away)";
  return [
    {
      what: `the command wanted to write ${what}, and the tree is read-only`,
      grant: folder === null ? { key: "tree", value: "overlay" } : { key: "write", add: folder },
      write:
        folder === null
          ? `${overlay}, \`write: [FOLDER]\`, or let it write below $OUT`
          : `\`${yamlLine("write", folder)}\`, ${overlay}, or let it write below $OUT`,
    },
  ];
}

/** The path that a line names, relative to the lab; null where it names none of the tree. */
function writtenPath(line: string, lab: string): string | null {
  const words = [
    ...line.matchAll(
      /'([^']+)'|"([^"]+)"|(?:^|[\s:(])((?:\/|\.{0,2}\/)?[\w.@+-]+(?:\/[\w.@+-]+)*)(?=[\s:,)]|$)/g,
    ),
  ];
  for (const match of words) {
    const word = (match[1] ?? match[2] ?? match[3]) as string;
    const inTree = word.startsWith(`${treePlace}/`);
    if (!inTree && (!/[./]/.test(word) || /^[\d.]+$/.test(word))) continue;
    const path = inLab(word, lab);
    if (path !== null) return path;
  }
  return null;
}

/** A path of the tree relative to the lab; null for every other one. */
function inLab(word: string, lab: string): string | null {
  const inTree = word.startsWith(`${treePlace}/`);
  if (!inTree && word.startsWith("/")) return null;
  const path = inTree
    ? posix.relative(posix.join(treePlace, lab), posix.normalize(word))
    : posix.normalize(word);
  return path === "" || path === "." || path.startsWith("..") ? null : path;
}

function firstPart(path: string): string {
  return path.split("/")[0] as string;
}

/** The first folder of a path; null for what lies in the lab folder itself, which no `write` can make writable. */
function topFolder(path: string): string | null {
  const [first, ...rest] = path.split("/");
  return rest.length > 0 && first !== undefined ? first : null;
}

/** A bus error, and what PyTorch says of it: /dev/shm is full. */
export function sharedMemory({ log, signal, contract, level }: HintFacts): GrantHint[] {
  const said =
    /insufficient shared memory|\(shm\)|\/dev\/shm[^\n]*(?:no space|ENOSPC)|no space left on device[^\n]*\/dev\/shm/i;
  const isBusError = signal === "SIGBUS" || /\bBus error\b|SIGBUS/.test(log);
  if (level === "L0" || (!isBusError && !said.test(log))) return [];
  return [
    {
      what: `the command was ended by a bus error, most likely because /dev/shm was full: it is as large as the memory budget (${Math.round(contract.budget.memory / 2 ** 20)} MB) and counts as memory`,
      grant: { key: "memory" },
      write: "a larger `budget: {memory: ...}`, or fewer and smaller shared arrays",
    },
  ];
}

/** Temporary files and what is written below $OUT have a budget. */
export function fullDisk({ log, contract }: HintFacts): GrantHint[] {
  if (
    !/no space left on device|ENOSPC|os error 28\b|disk quota exceeded/i.test(log) ||
    /\/dev\/shm/.test(log)
  )
    return [];
  return [
    {
      what: `the command filled its temporary folder: /tmp and ${homePlace} are kept in memory`,
      grant: { key: "disk" },
      write: `a larger \`budget: {disk: ...}\` (now ${Math.round(contract.budget.disk / 2 ** 20)} MB), or let it write below $OUT`,
    },
  ];
}

const noGpu =
  /no cuda gpus are available|no cuda-capable device|found no nvidia driver|cuda driver initialization failed|cuda_error_(?:no_device|unknown|operating_system|not_initialized)|cuinit[^\n]*(?:100|304|fail|error)|nvidia-smi has failed|nvml[^\n]*not found|hiperrornodevice|no hip gpus are available|torch\.cuda\.is_available\(\)[^\n]*false|nvidia-smi: not found|unable to initialize backend '(?:cuda|rocm)'|\/dev\/(?:nvidia|kfd|dri)\S*[^\n]*no such file/i;

/** A GPU that is there outside. */
export function noGpus({ log, contract, level, host }: HintFacts): GrantHint[] {
  if (level === "L0" || contract.budget.gpus !== undefined || !noGpu.test(log)) return [];
  const there = host.hasGpu();
  return [
    {
      what: there
        ? "the command wanted a GPU, which the sandbox does not show unless it is granted"
        : "the command wanted a GPU, and this machine shows none",
      grant: there ? { key: "gpus", value: 1 } : null,
      write: there ? "`budget: {gpus: 1}`" : "run it where there is one, with `budget: {gpus: 1}`",
    },
  ];
}

const unset = [
  /KeyError: '([A-Z][A-Z0-9_]{2,})'/,
  /\b([A-Z][A-Z0-9_]{2,}): (?:parameter not set|unbound variable|environment variable)/,
  /(?:environment|env) (?:variable|var)s?:? [`'"$]?([A-Z][A-Z0-9_]{2,})/i,
  /[`'"$]?\b([A-Z][A-Z0-9_]*(?:KEY|TOKEN|SECRET|URL|HOME|PATH|DIR))\b['"`]? (?:environment variable|is not set|must be set|not set|is required|is missing|not found)/,
];

/** A variable of the user's environment that the command wants. */
export function missingVariables({ log, contract, host, part }: HintFacts): GrantHint[] {
  const has = [...contract.env, ...contract.secrets].map((each) => each.name);
  const names = unset.map((pattern) => pattern.exec(log)?.[1]).filter((name) => name !== undefined);
  return [...new Set(names)].flatMap((name): GrantHint[] => {
    if (has.includes(name) || !host.hasVariable(name)) return [];
    const isSecret = /KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL/.test(name);
    const entry = isSecret && part !== "score" ? `secrets: [{name: ${name}, to: run}]` : null;
    return [
      {
        what: `the command wanted the variable ${name}, which is set outside: the environment of every command is built from nothing, and this contract does not grant that variable`,
        grant: { key: isSecret ? "secrets" : "env", add: name },
        write: `\`${entry ?? yamlLine(isSecret ? "secrets" : "env", name)}\``,
      },
    ];
  });
}
