import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openRedactor } from "./redact.ts";

const letters = "abcdefghijklmnopqrstuvwxyz";
const mixed = `${letters}${letters.toUpperCase()}0123456789`.split("");
const of = (alphabet: string | readonly string[], least: number, most = least) =>
  fc.string({
    unit: fc.constantFrom(...(typeof alphabet === "string" ? alphabet.split("") : alphabet)),
    minLength: least,
    maxLength: most,
  });
/** A random secret of letters and digits, of which neither kind is missing. */
const opaque = (least: number, most = least) =>
  of(mixed, least, most).filter((text) => /\d.*[A-Za-z]+.*\d/.test(text) && /[a-z]/.test(text));
const after = (prefix: string, body: fc.Arbitrary<string>) => body.map((text) => prefix + text);

/** Secrets by form: what must be gone, alone in any text. */
const byForm = fc.oneof(
  after("sk-ant-api03-", opaque(40, 90)),
  after("sk-proj-", opaque(40, 90)),
  after("sk-", opaque(40, 48)),
  after("AIza", opaque(35)),
  after("gsk_", opaque(50)),
  after("hf_", opaque(34)),
  after("AKIA", of(`${letters.toUpperCase()}234567`.split(""), 16)),
  after("ghp_", opaque(36)),
  after("github_pat_", opaque(60)),
  after("glpat-", opaque(20)),
  after("xoxb-1234567890-", opaque(24)),
  after("npm_", opaque(36)),
  after("sk_live_", opaque(24)),
  fc.tuple(opaque(20, 60), opaque(20, 90), opaque(30)).map(([a, b, c]) => `eyJ${a}.eyJ${b}.${c}`),
  opaque(300).map(
    (key) =>
      `-----BEGIN RSA PRIVATE KEY-----\n${key.replace(/.{64}/g, "$&\n")}\n-----END RSA PRIVATE KEY-----`,
  ),
);

/** A secret and the text in which its place gives it away. */
const byPlace = fc.oneof(
  ...(
    [
      (s: string) => `DATABASE_PASSWORD=${s}`,
      (s: string) => `export SERVICE_TOKEN=${s} && npm start`,
      (s: string) => `MY_API_KEY: ${s}`,
      (s: string) => `{"apiKey": "${s}", "port": 80}`,
      (s: string) => `const client_secret = '${s}';`,
      (s: string) => `  password: "${s}"`,
      (s: string) => `run --token ${s} --fast`,
      (s: string) => `curl -H 'Authorization: Bearer ${s}' https://example.org`,
      (s: string) => `https://example.org/x?a=1&access_token=${s}&b=2`,
      (s: string) => `postgres://app:${s}@db.example.org:5432/app`,
      (s: string) => `git clone https://me:${s}@example.org/x.git`,
      (s: string) => `//registry.example.org/:_authToken=${s}`,
    ] as const
  ).map((place) => opaque(20, 40).map((secret) => ({ secret, text: place(secret) }))),
);

describe("openRedactor", () => {
  it("lets no secret through that has a known form, in prose, in code or in JSON", () => {
    fc.assert(
      fc.property(
        byForm,
        fc.lorem(),
        fc.lorem(),
        fc.constantFrom(" ", "\n", '"', "=", "\t"),
        (secret, a, b, edge) => {
          const text = `${a}${edge}${secret}${edge}${b}`;
          const core = secret.startsWith("-----") ? secret.slice(40, 80) : secret.slice(-18);
          const redact = openRedactor();
          expect(redact(text)).not.toContain(core);
          expect(redact(text).startsWith(a)).toBe(true);
          const json = redact(JSON.stringify({ text }));
          expect(json).not.toContain(core);
          expect(() => JSON.parse(json)).not.toThrow();
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("lets no secret through that stands beside a name which says so", () => {
    fc.assert(
      fc.property(byPlace, fc.lorem(), ({ secret, text }, around) => {
        const redact = openRedactor();
        const whole = `${around}\n${text}\n${around}`;
        expect(redact(whole)).not.toContain(secret);
        const json = redact(JSON.stringify({ command: whole }));
        expect(json).not.toContain(secret);
        expect(() => JSON.parse(json)).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  it("takes short passwords too where the name leaves no doubt", () => {
    const redact = openRedactor();
    expect(redact("PASSWORD=hunter2\nMAX_TOKENS=4096")).toBe("PASSWORD=[redacted:named]\nMAX_TOKENS=4096");
    expect(redact('{"password":"hunter2"}')).toBe('{"password":"[redacted:named]"}');
    expect(redact("password=opensesame")).toBe("password=[redacted:named]");
  });

  it("takes what stands in options, cookies and netrc, and tokens of further services", () => {
    const redact = openRedactor({ home: "/home/nobody-here" });
    for (const [text, secret] of [
      ["DB_PASS=hunter2", "hunter2"],
      ["pass = hunter22", "hunter22"],
      ["AUTH=abcd1234", "abcd1234"],
      ["curl -u ann:pw12 https://example.org", "pw12"],
      ['curl -s --user "ann:pw12" https://example.org', "pw12"],
      ["sshpass -p 'open sesame' ssh x", "'open"],
      ["sshpass -p hunter2 ssh x", "hunter2"],
      ["mysql -u root -phunter2 shop", "hunter2"],
      ["docker login -u ann -p hunter2", "hunter2"],
      ["Cookie: session=abc123def; theme=dark", "abc123def"],
      ["machine example.org\n  login ann\n  password hunter2", "hunter2"],
      ["the password is hunter2.", "hunter2"],
      ["use my password: hunter2!", "hunter2"],
      [`glsa_${"aB3d".repeat(8)}`, "aB3daB3d"],
      [`https://discord.com/api/webhooks/123456789/${"aB3".repeat(20)}`, "aB3aB3"],
      [`bot ${"12345678"}:${"AbC12".repeat(7)} runs`, "AbC12AbC12"],
      [`ATATT3xFf${"GF01".repeat(10)}`, "GF01GF01"],
      [`lin_api_${"aB3d".repeat(10)}`, "aB3daB3d"],
      [`sbp_${"a1b2".repeat(10)}`, "a1b2a1b2"],
      [`AGE-SECRET-KEY-1${"QPZRY9X8".repeat(7)}`, "QPZRY9X8"],
      ["ls /root/work", "/root"],
    ] as const) {
      expect(redact(text), text).not.toContain(secret);
      const json = redact(JSON.stringify({ command: text }));
      expect(json, text).not.toContain(secret);
      expect(() => JSON.parse(json)).not.toThrow();
    }
    for (const line of [
      "# pass 12",
      "pass=1200 fail=0",
      "pass: true",
      "the password is required",
      "curl -u $USER:$PASSWORD https://example.org",
      "no cookie = no session",
      "cat /srv/root/x /rooted",
      "mysql -u root shop",
    ])
      expect(redact(line)).toBe(line);
  });

  it("leaves ordinary code alone", () => {
    const redact = openRedactor({ home: "/home/nobody-here" });
    for (const line of [
      "const token = parser.next();",
      "password: string;",
      "login(user=user, password=password)",
      "const password = document.getElementById('password');",
      'if (token.kind === "identifier") return tokens[i + 1];',
      "maxTokens: 4096, inputTokens: usage.input_tokens,",
      "apiKey: process.env.OPENAI_API_KEY,",
      'Authorization: "Bearer $TOKEN"',
      "type RealtimeGetTokenOptions = RealtimeFactoryV4GetTokenOptions;",
      "sha512-4Zc1lQqmk2Yd6f0o3n1Zl9uRrVQ2K3l8p5o7w1c0Jx9v8b7n6m5a4s3d2f1g0h==",
      "task-assessment-of-the-disk-and-desk-utilities",
      "https://example.org:8080/path@2?key=value",
      "the token is expired and the secret was rotated",
    ])
      expect(redact(line)).toBe(line);
  });

  it("leaves this program's own source alone, but for home folders", () => {
    const redact = openRedactor({ home: "/home/nobody-here" });
    const src = join(import.meta.dirname, "..");
    let changed = 0;
    for (const path of readdirSync(src, { recursive: true, encoding: "utf8" })) {
      if (!path.endsWith(".ts") || path.endsWith(".test.ts") || /traces|redaction/.test(path)) continue;
      const text = readFileSync(join(src, path), "utf8");
      const lines = redact(text).split("\n");
      changed += text.split("\n").filter((line, i) => line !== lines[i] && !line.includes("/home/")).length;
    }
    expect(changed).toBe(0);
  });

  it("shortens home folders, its own and those of others", () => {
    const redact = openRedactor({ home: "/srv/people/ann" });
    expect(redact("cat /srv/people/ann/notes /srv/people/anna/x")).toBe("cat ~/notes /srv/people/anna/x");
    expect(redact(JSON.stringify({ c: "ls\n/home/bob/work" }))).toBe('{"c":"ls\\n~/work"}');
    expect(redact("file:///Users/eve/a C:\\Users\\eve\\a /var/home/x/home")).toBe(
      "file://~/a ~\\a /var/home/x/home",
    );
  });

  it("takes e-mail addresses only when asked to", () => {
    expect(openRedactor()("ann@example.org")).toBe("ann@example.org");
    expect(openRedactor({ emails: true })("to ann@example.org.")).toBe("to [redacted:email].");
  });

  it("counts what it took, by kind", () => {
    const redact = openRedactor();
    redact(`AKIA${"A".repeat(16)} and AKIA${"B".repeat(16)}`);
    expect(redact.counts).toEqual({ "aws-key": 2 });
  });

  it("needs no more than linear time", () => {
    const redact = openRedactor({ emails: true });
    const began = performance.now();
    for (const text of [
      "a",
      "token",
      "eyJ",
      "://a:",
      "-----BEGIN PRIVATE KEY-----",
      "password=",
      "a@",
      "?key=",
      "curl -u ",
      "cookie=a=",
      "machine a login b password ",
      "12345678:",
    ])
      redact(text.repeat(Math.ceil(1_000_000 / text.length)));
    expect(performance.now() - began).toBeLessThan(60_000);
  });
});
