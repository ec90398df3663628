import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reasonLine } from "./reason.ts";

const folder = new URL("fixtures/reasons/", import.meta.url);

/** What each tool really printed (paths replaced), and the line that a person would point at. */
const reasons: Record<string, string> = {
  "c-assert": "c: c.c:2: main: Assertion `c==2' failed.",
  "cargo-build": "error[E0425]: cannot find function `nope` in this scope",
  "cargo-test": "assertion `left == right` failed left: 2 right: 3",
  gcc: "c2.c:1:24: error: expected expression before ‘;’ token",
  "go-build": "./main.go:2:14: undefined: nope",
  "go-panic": "panic: runtime error: index out of range [7] with length 3",
  "go-test": "TestAdd failed: main_test.go:3: got 2, want 3",
  "java-caused": "java.lang.IllegalStateException: boom (caused by java.io.IOException: disk)",
  "java-class":
    "Error: Could not find or load main class Nope (caused by java.lang.ClassNotFoundException: Nope)",
  javac: "Bad.java:1: error: incompatible types: String cannot be converted to int",
  linker: "c3.c:(.text+0x5): undefined reference to `foo'",
  "make-cc": "cc1: fatal error: nope.c: No such file or directory",
  "make-rule": "make: *** No rule to make target 'nothing'.  Stop.",
  "node-assert": "AssertionError [ERR_ASSERTION]: Expected values to be strictly equal: 3 !== 4",
  "node-cause": "TypeError: fetch failed (caused by Error: connect ECONNREFUSED 127.0.0.1:3999)",
  "node-enoent": "Error: ENOENT: no such file or directory, open '/nope/data.json'",
  "node-module":
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/home/ada/lab/nope.mjs' imported from /home/ada/lab/[eval]",
  "node-rejection":
    'UnhandledPromiseRejection: This error originated either by throwing inside of an async function without a catch block, or by rejecting a promise which was not handled with .catch(). The promise rejected with the reason "just a string".',
  "node-syntax": "SyntaxError: Unexpected token ';'",
  "node-test": "adds failed: '2 == 3'",
  npm: "Error: 1234",
  pytest: "FAILED test_a.py::test_add - assert 3 == 4",
  "pytest-import": "ModuleNotFoundError: No module named 'numpyy'",
  "pytest-no-file": "ERROR: file or directory not found: nope.py",
  "python-assert-line": "AssertionError: assert x == 1",
  "python-bare-assert": "AssertionError",
  "python-chained": "RuntimeError: no data set",
  "python-exit": "fatal: cannot find the data",
  "python-lines": "ValueError: shape mismatch expected (3, 4) got (4, 3)",
  "python-module": "ModuleNotFoundError: No module named 'numpyy'",
  "python-syntax": "SyntaxError: '(' was never closed",
  "rust-assert": "assertion `left == right` failed: sums left: 1 right: 2",
  "rust-panic": "index out of bounds: the len is 3 but the index is 7",
  "rust-result": 'Error: Os { code: 2, kind: NotFound, message: "No such file or directory" }',
  rustc: "error[E0308]: mismatched types",
  shell: "sh: 1: nope: not found",
  vitest: "AssertionError: expected 2 to be 3 // Object.is equality",
};

describe("the line that tells the reason", () => {
  it.each(readdirSync(folder).map((file) => file.replace(".txt", "")))(
    "is found in what %s printed",
    (name) => {
      expect(reasonLine(readFileSync(new URL(`${name}.txt`, folder), "utf8"))).toBe(reasons[name]);
    },
  );

  it("is found on standard output where standard error only warns", () => {
    expect(
      reasonLine("DeprecationWarning: old\n", "FAILED a.py::test_x - assert 1 == 2\n1 failed in 0.1s\n"),
    ).toBe("FAILED a.py::test_x - assert 1 == 2");
    expect(reasonLine("", "epoch 1\nERROR: the data set is empty\n")).toBe("ERROR: the data set is empty");
  });

  it("is the compiler's where make or a script only reports it", () => {
    expect(
      reasonLine(
        "a.c:3:5: error: 'x' undeclared\nmake[1]: *** [Makefile:3: a.o] Error 1\nmake: *** [all] Error 2\n",
      ),
    ).toBe("a.c:3:5: error: 'x' undeclared");
    expect(
      reasonLine(
        "k.cu(3): note: x\nnvcc fatal error: no GPU\nk.cu:7:1: error: expected ';'\nsubprocess.CalledProcessError: Command '['ninja']' returned non-zero exit status 1.\n",
      ),
    ).toBe("k.cu:7:1: error: expected ';'");
  });

  it("is the last thing that is said where nothing looks like an error, without progress and colours", () => {
    expect(reasonLine("loading\n10 %\r50 %\r\u001b[31mstopped at step 3\u001b[0m\n\n")).toBe(
      "stopped at step 3",
    );
    expect(reasonLine("", "")).toBe("");
  });

  it("is one line of at most 500 characters, whatever was printed", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (a, b) => {
        const line = reasonLine(a, b);
        expect(line).not.toMatch(/\n/);
        expect(line.length).toBeLessThanOrEqual(500);
      }),
    );
  });

  it("is found at once in a log that is made to be slow to read", () => {
    const began = performance.now();
    reasonLine("a: ".repeat(30_000), `${"x.".repeat(30_000)}\n`, "1:1:".repeat(20_000));
    expect(performance.now() - began).toBeLessThan(30_000);
  });
});
