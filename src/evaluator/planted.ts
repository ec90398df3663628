import { mkdir, writeFile } from "node:fs/promises";
import { dirname, extname, join, posix } from "node:path";
import { mayChange } from "../repo/index.ts";
import type { Files } from "./evaluator.ts";

/** Python that says something on standard output and ends its process with success at once. */
function pythonThatLeaves(output: string): string {
  return `import os as _o\n_o.write(1, ${JSON.stringify(output)}.encode())\n_o._exit(0)\n`;
}

/** JavaScript that does the same. */
function javascriptThatLeaves(output: string): string {
  return `require("node:fs").writeSync(1, ${JSON.stringify(output)});\nprocess.exit(0);\n`;
}

/**
 * Files that tools load of their own accord where they find them: beside a script, in the working folder, or in the folder
 * that they are told to look at.
 *
 * @param output what each of them prints, in every form in which a metric is read.
 */
export function plantable(output: string): Files {
  const python = pythonThatLeaves(output);
  const javascript = javascriptThatLeaves(output);
  return {
    ...Object.fromEntries(
      ["conftest.py", "sitecustomize.py", "usercustomize.py", "json.py", "random.py", "numpy.py"].map(
        (name) => [name, python],
      ),
    ),
    ...Object.fromEntries(
      [".mocharc.cjs", "jest.config.cjs", "vitest.config.cjs", "eslint.config.cjs"].map((name) => [
        name,
        javascript,
      ]),
    ),
    "package.json": `${JSON.stringify({ name: "planted", scripts: { test: "true", check: "true", build: "true", lint: "true" } })}\n`,
    ".npmrc": "script-shell=/bin/true\nignore-scripts=true\n",
    "pytest.ini": "[pytest]\naddopts = --collect-only\n",
    Makefile: "test check build lint all:\n\t@true\n",
  };
}

/** Those of them that a candidate may add beside its editable files, and that are not there. */
export function plantedBeside(change: readonly string[], files: Files, output: string): Files {
  const folders = new Set(["", ...Object.keys(files).map((path) => posix.dirname(path))]);
  const planted: Record<string, string> = {};
  for (const folder of folders)
    for (const [name, text] of Object.entries(plantable(output))) {
      const path = posix.join(folder === "." ? "" : folder, name);
      if (!Object.hasOwn(files, path) && mayChange(change, path)) planted[path] = text;
    }
  return planted;
}

/** Leaves them among the artefacts of a run. */
export async function plantIn(folder: string, output: string): Promise<void> {
  for (const [path, text] of Object.entries(plantable(output))) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    // What the run left stays as it is.
    await writeFile(join(folder, path), text, { flag: "wx" }).catch(() => {});
  }
}

/** Whether an artefact is read by a format that runs what is written in it: Python's pickle, alone or in an array. */
export function unpickled(path: string, bytes: Buffer): "pickle" | "array" | null {
  if (bytes.subarray(0, 6).equals(Buffer.from("\x93NUMPY", "latin1"))) return "array";
  const named = [".pkl", ".pickle", ".joblib", ".p"].includes(extname(path).toLowerCase());
  const begun = bytes[0] === 0x80 && (bytes[1] as number) <= 5 && bytes.at(-1) === 0x2e;
  return named || begun ? "pickle" : null;
}

/** A pickle that, when it is loaded, speaks in its loader's place and ends it. */
export function leavingPickle(kind: "pickle" | "array", output: string): Buffer {
  // Protocol 0: call builtins.exec with one text.
  const text = pythonThatLeaves(output).replaceAll("\\", "\\u005c").replaceAll("\n", "\\u000a");
  const pickle = Buffer.from(`cbuiltins\nexec\n(V${text}\ntR.`);
  if (kind === "pickle") return pickle;
  const header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }";
  const padded = `${header.padEnd(128 - 10 - 1)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded.length);
  return Buffer.concat([Buffer.from("\x93NUMPY\x01\x00", "latin1"), length, Buffer.from(padded), pickle]);
}
