import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hostile, retold } from "../../../tests/support/hostile.ts";
import { sampleNotebook, sampleParts } from "../../../tests/support/sampleNotebook.ts";
import { reportHtml } from "./html.ts";

/** Every tag with the names of its attributes: what a browser would build. */
function structure(page: string): string[] {
  const body = page.replace(/<(script|style)>[\s\S]*?<\/\1>/gu, "<$1>");
  return (body.match(/<[^>]*>/gu) ?? []).map((tag) => tag.replace(/"[^"]*"/gu, '""'));
}

describe("the report page", () => {
  test("lets no markup from data through, whatever hypotheses, logs and diffs say", () => {
    const notebook = sampleNotebook(6, 2, { finalized: sampleParts() });
    const plain = structure(reportHtml(retold(notebook, ["plain"]))).filter(outsideChart);
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 8 }), (words) => {
        const page = reportHtml(retold(notebook, words));
        expect(structure(page).filter(outsideChart)).toEqual(plain);
        expect(page).not.toMatch(/<(?:img|b>alert|iframe|object|embed)/u);
        expect(page.match(/<script/gu)).toHaveLength(1);
      }),
      { numRuns: 60 },
    );
  });

  test("shows no key that stands in a changed source, since the page is made to be handed on", () => {
    const notebook = sampleNotebook(5);
    const key = ["sk", "proj", "AbCdEf0123456789AbCdEf0123456789"].join("-");
    for (const row of notebook.experiments) row.diff += `+const key = "${key}";\n`;
    expect(reportHtml(notebook)).not.toContain(key);
  });

  test("allows its own script and style by hash and nothing else", () => {
    const page = reportHtml(sampleNotebook(5));
    const policy = /Content-Security-Policy" content="([^"]*)"/u.exec(page)?.[1] ?? "";
    for (const name of ["script", "style"]) {
      const text = new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, "u").exec(page)?.[1] ?? "";
      expect(policy).toContain(`${name}-src 'sha256-${createHash("sha256").update(text).digest("base64")}'`);
    }
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
  });

  test("asks nothing of the network and has no inline style or handler that its policy would refuse", () => {
    const page = reportHtml(sampleNotebook(40));
    expect(page.replaceAll('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(
      /https?:|\/\/[a-z]|@import|url\(/u,
    );
    const markup = structure(page).join("");
    expect(markup).not.toMatch(/ (?:style|on\w+|src)=/u);
  });

  test("is headed by the audited gain with its interval, not by the sum of the kept effects", () => {
    const page = reportHtml(sampleNotebook(43));
    expect(page).toMatch(/<h1 class="gain">2\.6 % lower val_bpb<\/h1>/u);
    expect(page).toContain("gain +0.0529 to +0.0651");
  });

  test("says when there was no audit, and when the audit found nothing", () => {
    expect(reportHtml(sampleNotebook(20, 1, { audit: null }))).toContain("Not yet audited");
    const audit = {
      n: 8,
      baselineMean: 2.31,
      finalMean: 2.309,
      effect: 0.001,
      interval: [-0.004, 0.006] as [number, number],
      relative: 0.0004,
    };
    const page = reportHtml(sampleNotebook(20, 1, { audit }));
    expect(page).toContain("No audited gain");
    expect(page).toContain("includes zero");
  });

  test("says what is not enforced, the channel, and the grade with its reasons", () => {
    const page = reportHtml(sampleNotebook(5, 1, { channel: "self-reported" }));
    expect(page).toContain("Not enforced: processor share");
    expect(page).toContain("it could state any number");
    expect(page).toContain("there is no holdout");
  });

  test("stays below 5 MB with a thousand experiments whose diffs and logs are huge, and keeps the keeps", () => {
    const notebook = sampleNotebook(1000, 4);
    for (const row of notebook.experiments) {
      row.diff += "+const x = '<&>';\n-const y = 1;\n".repeat(400);
      row.reason = "<".repeat(5000);
      row.logTail = "&".repeat(20_000);
    }
    const page = reportHtml(notebook);
    expect(Buffer.byteLength(page)).toBeLessThan(5_000_000);
    expect(page.match(/<details/gu)).toHaveLength(1000);
    expect(page).toContain("further lines left out");
    expect(page).toContain("Left out to keep this page small");
    const best = notebook.experiments.findLast((row) => row.status === "keep");
    expect(page).not.toContain(`whet show ${best?.id}<`);
  });

  test("lists all keeps and the newest of the rest when a session is vast, and says so", () => {
    const notebook = sampleNotebook(5000, 4);
    const page = reportHtml(notebook);
    const old = notebook.experiments.slice(0, 1000).filter((row) => row.status !== "keep").length;
    expect(page.match(/<details/gu)).toHaveLength(5000 - old);
    expect(page).toContain(`${old} older experiments not listed here`);
    expect(page).toContain('id="e5000"');
  });

  test("draws a thousand ordinary experiments in seconds at most, however busy the machine", () => {
    const notebook = sampleNotebook(1000, 4);
    reportHtml(notebook);
    const begin = performance.now();
    reportHtml(notebook);
    expect(performance.now() - begin).toBeLessThan(20_000);
  });
});

// Which labels find room in the chart depends on the words' length; the chart has its own test.
function outsideChart(tag: string): boolean {
  return !/^<\/?(?:svg|path|text|circle|rect|title)/u.test(tag);
}
