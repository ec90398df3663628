import { homedir } from "node:os";

export interface RedactOptions {
  /** E-mail addresses as well; default: they stay. */
  emails?: boolean;
  /** Whether home folders are shortened to `~`; default: they are. */
  homes?: boolean;
  /** Home folder of the user; default: this one's. Those of other users, as `/home/name`, are replaced in any case. */
  home?: string;
}

/** Takes secrets out of texts and counts them, by kind. */
export interface Redactor {
  (text: string): string;
  readonly counts: Readonly<Record<string, number>>;
}

/** Before a token: no letter or digit, or the letter of an escape (`\n`) in JSON. */
const edge = String.raw`(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))`;

/** Secrets that can be known by their own form, each with its kind. */
const forms: readonly (readonly [kind: string, source: string])[] = [
  [
    "private-key",
    String.raw`-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----)[\s\S])*(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?`,
  ],
  ["aws-key", `${edge}A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])`],
  ["github-token", String.raw`gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}`],
  ["gitlab-token", String.raw`gl(?:pat|ptt|rt|dt)-[\w-]{16,}`],
  ["slack-token", String.raw`xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}|hooks\.slack\.com/services/[\w/]{16,}`],
  ["npm-token", `${edge}npm_[A-Za-z0-9]{30,}`],
  ["pypi-token", String.raw`pypi-[\w-]{30,}`],
  ["google-key", String.raw`AIza[\w-]{30,}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{16,}`],
  ["stripe-key", `${edge}[spr]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{16,}`],
  [
    "model-key",
    String.raw`${edge}sk-[\w-]{16,}|${edge}(?:xai|gsk|hf|r8|pplx|fw|csk|nvapi)[-_][A-Za-z0-9_-]{28,}`,
  ],
  ["sendgrid-key", String.raw`${edge}SG\.[\w-]{16,}\.[\w-]{16,}`],
  ["digitalocean-token", "do[opr]_v1_[a-f0-9]{40,}"],
  ["discord-webhook", String.raw`discord(?:app)?\.com/api/webhooks/\d{5,30}/[\w-]{20,}`],
  ["telegram-token", String.raw`${edge}\d{8,10}:[A-Za-z0-9_-]{32,40}(?![A-Za-z0-9_-])`],
  ["atlassian-token", `${edge}AT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{20,}`],
  ["grafana-token", String.raw`${edge}gl(?:c|sa)_[\w+/=-]{20,}`],
  ["linear-key", `${edge}lin_(?:api|oauth|wh)_[A-Za-z0-9]{20,}`],
  ["supabase-key", String.raw`${edge}sbp_[A-Za-z0-9]{30,}|${edge}sb_secret_[\w-]{16,}`],
  ["age-key", `AGE-SECRET-KEY-1[A-Z0-9]{40,}`],
];
/**
 * A token of the JWT form: the first part, and what makes it one. A run of characters that is none is taken as a whole as
 * well, since a search that begins anew within it would read it again and again.
 */
const jwt = new RegExp(String.raw`${edge}eyJ[\w-]{8,}(\.[\w-]{8,}(?:\.[\w-]*){0,3})?`, "g");
const known = new RegExp(forms.map(([, source]) => `(${source})`).join("|"), "g");
/** Says at once of most texts that there is nothing of the kind in them; must begin every form. */
const hint =
  /-----BEGIN|A(?:KIA|SIA|BIA|CCA)|gh[pousr]_|github_pat_|gl(?:pat|ptt|rt|dt)-|xox|xapp-|hooks\.slack|npm_|pypi-|AIza|ya29|GOCSPX|k_(?:live|test)_|whsec_|sk-|(?:xai|gsk|hf|r8|pplx|fw|csk|nvapi)[-_]|SG\.|do[opr]_v1_|\/api\/webhooks\/|\d:[A-Za-z0-9_-]{32}|glc_|glsa_|AT(?:ATT|CTT|BB)|lin_|sbp_|sb_secret_|AGE-SECRET/;

const inAddress = /:\/\/([^\s/:@"'<>\\]{0,200}):([^\s/@"'<>\\]{1,400})@/g;
const inQuery =
  /([?&](?:[a-z_-]{0,20}token|api[_-]?key|key|sig|signature|[a-z_-]{0,20}secret|password|passwd|pwd|auth|x-amz-[a-z-]{1,30})=)([^&\s"'#\\<>]{6,})/gi;
const inHeader =
  /((?:Bearer|Basic|authorization["']?\s{0,2}[:=]\s{0,2}["']?(?:Bearer|Basic|Token)?)\s{1,3})([A-Za-z0-9+/=._~-]{8,})/gi;
/** Programs that take a password as an option: it stands after the name, or after the option alone. */
const inOption =
  /(\bcurl\b[^\n|;&]{0,300}?\s(?:-u|--user)[ =]?\\?["']?[^\s:"'\\]{1,100}:|\bsshpass\s{1,3}-p\s{0,3}\\?["']?|\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n|;&]{0,200}?\s-p\\?["']?|\bdocker\s{1,3}login\b[^\n|;&]{0,200}?\s-p[ =]\\?["']?|\bmachine\s{1,3}\S{1,200}(?:\s|\\n){1,9}login\s{1,3}\S{1,200}(?:\s|\\n){1,9}password\s{1,3})([^\s"'\\]{2,400})/g;
const inCookie =
  /((?:set-)?cookie\\?["']?\s{0,2}[:=]\s{0,2}\\?["']?)([^\s"'\\=;<>{}()]{1,100}=[^\n"'\\]{6,4000})/gi;
const named =
  /(secret|token|passw(?:or)?d|passwd|passphrase|pwd|(?<![A-Za-z])(?:pass|auth)(?![A-Za-z])|(?:api|access|private|signing|encryption|account|master|deploy)[-_]?key|credentials?|_auth|x-auth)([A-Za-z0-9_-]{0,40})((?:\\?["'`])?\]?)(\s{0,3}(?::=|=>|[:=])\s{0,3}|\s{1,3}(?:is\s|was\s)?)/gi;
const otherHomes =
  /(?:(?<![\w.~})-])|(?<=\\[nrt]))(?:(?:\/home|\/Users)\/[A-Za-z0-9._-]+|\/root(?![\w.-]))|[A-Za-z]:(\\{1,2})Users\1[^\\/:*?"<>|\s]+/g;
const address = /[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+/g;

const mark = (kind: string) => `[redacted:${kind}]`;

/**
 * Secrets known by their form (keys of model providers, AWS, GitHub, GitLab, Slack, Discord, Telegram, Atlassian, Linear,
 * Supabase, Grafana, npm, PyPI, Google, Stripe; tokens of the JWT form; private keys, of age too), passwords in addresses, queries,
 * options of common programs and netrc, bearer tokens, cookies, values that stand beside a name which says secret, home
 * folders (`~`). JSON stays JSON. What is in no way marked (a password alone in prose)
 * cannot be seen.
 */
export function openRedactor(options: RedactOptions = {}): Redactor {
  const counts: Record<string, number> = {};
  const count = (kind: string) => {
    counts[kind] = (counts[kind] ?? 0) + 1;
    return mark(kind);
  };
  const home = options.home ?? homedir();
  // "/" as a home would be everywhere.
  const ownHome =
    home.length > 2
      ? new RegExp(
          `(?:(?<![\\w.~-])|(?<=\\\\[nrt]))${home.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}(?![\\w.-])`,
          "g",
        )
      : null;

  function redact(given: string): string {
    let text = given;
    if (text.includes("eyJ"))
      text = text.replace(jwt, (whole, rest?: string) => (rest === undefined ? whole : count("jwt")));
    if (hint.test(text))
      text = text.replace(known, (_whole, ...groups: unknown[]) => {
        const at = groups.slice(0, forms.length).findIndex((group) => group !== undefined);
        return count(forms[at]?.[0] ?? "secret");
      });
    if (text.includes("://"))
      text = text.replace(inAddress, (whole, user: string, password: string) =>
        placeholder(password) ? whole : `://${user}:${count("password")}@`,
      );
    if (text.includes("="))
      text = text.replace(inQuery, (whole, before: string, value: string) =>
        placeholder(value) || /^[a-z_]{1,12}$/i.test(value) ? whole : before + count("query"),
      );
    if (/curl|sshpass|mysql|mariadb|docker|machine/.test(text))
      text = text.replace(inOption, (whole, before: string, value: string) =>
        placeholder(value) ? whole : before + count("password"),
      );
    if (/cookie/i.test(text))
      text = text.replace(inCookie, (_whole, before: string) => before + count("cookie"));
    text = text.replace(inHeader, (whole, before: string, value: string) =>
      placeholder(value) || /^[A-Za-z._-]+$/.test(value) ? whole : before + count("bearer"),
    );
    text = assignments(text, () => count("named"));
    if (options.homes === false) return withoutAddresses(text);
    if (ownHome && text.includes(home)) text = text.replace(ownHome, "~");
    if (/\/home\/|\/Users\/|Users\\|\/root/.test(text)) text = text.replace(otherHomes, "~");
    return withoutAddresses(text);
  }

  function withoutAddresses(text: string): string {
    return options.emails && text.includes("@") ? text.replace(address, () => count("email")) : text;
  }
  return Object.assign(redact, { counts });
}

/** Values beside a name that says secret: `KEY=value`, `"password": "value"`, `--token value`, `token is value`. */
function assignments(text: string, replacement: () => string): string {
  named.lastIndex = 0;
  let out = "";
  let from = 0;
  for (let match = named.exec(text); match !== null; match = named.exec(text)) {
    const start = match.index + match[0].length;
    const before =
      /[A-Za-z0-9_.-]{0,60}$/.exec(text.slice(Math.max(0, match.index - 60), match.index))?.[0] ?? "";
    const name = before + match[1] + match[2];
    const value = valueAt(text, start, bareBeginning);
    if (value === null) continue;
    const found = {
      ...{ name, value: value.text.slice(0, telling), quoted: value.quoted, operator: match[4] ?? "" },
      lead: text.slice(Math.max(0, match.index - before.length - 16), match.index - before.length),
      next: text[value.end] ?? "",
    };
    if (!isSecret(found)) continue;
    const end = valueAt(text, start, bare)?.end ?? value.end;
    out += text.slice(from, value.start) + replacement();
    from = end;
    named.lastIndex = end;
  }
  return from === 0 ? text : out + text.slice(from);
}

/** As much of a value tells whether it is a secret, characters: what repeats without end must not cost the square. */
const telling = 128;

const quoted = /(\\{0,3}["'`])((?:(?!\1)[^\n]){1,4096}?)\1/y;
const bare = /[^\s"'`,;(){}[\]<>|\\]{4,4096}/y;
const bareBeginning = new RegExp(bare.source.replace("4096", String(telling)), "y");

/** @param unquoted how far a value without quotation marks is read. */
function valueAt(text: string, at: number, unquoted: RegExp) {
  quoted.lastIndex = at;
  const inside = quoted.exec(text);
  if (inside) {
    const [, quote = "", value = ""] = inside;
    const start = at + quote.length;
    return { text: value, start, end: start + value.length, quoted: true };
  }
  unquoted.lastIndex = at;
  const [value] = unquoted.exec(text) ?? [];
  return value === undefined ? null : { text: value, start: at, end: at + value.length, quoted: false };
}

interface Found {
  name: string;
  value: string;
  quoted: boolean;
  operator: string;
  /** What stands before the name. */
  lead: string;
  /** The character after the value. */
  next: string;
}

function isSecret({ name, value, quoted, operator, lead, next }: Found): boolean {
  if (value.length < 4 || placeholder(value)) return false;
  // A count of tests that pass.
  if (/^\d+$/.test(value) && /^pass$/i.test(name)) return false;
  const strong = /passw|passphrase|pwd|secret|key|credential|auth|(?<![A-Za-z])pass(?![A-Za-z])/i.test(name);
  if (/^\d+$/.test(value) && !strong) return false;
  if (sameWord(name, value)) return false;
  if (operator.trim() === "" || /^\s+(is|was)\s$/.test(operator)) {
    // `--token value`, `token value`: beside the name, with nothing between.
    if (/^--?/.test(name) && !quoted)
      return value.length >= 6 && /[^A-Za-z-]/.test(value) && !value.startsWith("-");
    if (/passw|passphrase|pwd/i.test(name) && /\b(is|was)\s$/.test(operator))
      return value.length >= 6 && /\d/.test(value) && /[A-Za-z]/.test(value) && !pathLike(value);
    return random(value, 16) && !pathLike(value);
  }
  if (quoted) return strong && !/\s/.test(value) ? !wordy(value) : random(value, 12) && !pathLike(value);
  // What is called, reached into or spread is code.
  if (/[([]/.test(next) || pathLike(value)) return false;
  const tight = operator === "=";
  if (tight && /^(export )?[A-Z][A-Z0-9_]*$/.test(name)) return true;
  if (tight && /^--/.test(name)) return value.length >= 4;
  if (random(value, 16)) return true;
  const alone = /(^|[\n\r"'`]|\\n|export |set |env |-e )\s*$/.test(lead);
  // In prose: `my password: hunter2!`.
  if (/passw|passphrase|pwd/i.test(name) && !alone && value.length >= 6 && !/[;,]/.test(next))
    return /^[^\w]*(?=.*\d)(?=.*[A-Za-z])[\w!@#$%^&*+=-]+$/.test(value);
  if (!strong || !alone || /[;,]/.test(next) || /^[\w$]+(\.[\w$]+)+$/.test(value)) return false;
  return tight ? true : /[^A-Za-z_.:]/.test(value);
}

/** Stands for a secret, or for its type. */
function placeholder(value: string): boolean {
  return (
    /^(\$|<|\{\{|%[A-Z{(]|\*{3}|\.{3}|x{4,}$|your[-_ ]|process\.env|import\.meta|os\.environ|env\.|\[redacted)/i.test(
      value,
    ) ||
    /^(string|number|boolean|unknown|undefined|null|none|nil|true|false|optional|required|any|str|bytes|object|void|never|type|text|hidden|password|token|secret|default|example|required\(\)|self|this|new|await|async|return|function)$/i.test(
      value,
    )
  );
}

/** `password=password`, `apiKey: api_key`: a name handed on. */
function sameWord(name: string, value: string): boolean {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  const [a, b] = [plain(name), plain(value)];
  return (
    a === b ||
    (b.length >= 5 && a.endsWith(b)) ||
    (a.length >= 5 && b.endsWith(a) && /^[\w$.]+$/.test(value) && !/\d/.test(value))
  );
}

/** A word as a label or a key of a message is: no digit, no sign but those between words. */
function wordy(value: string): boolean {
  return /^[A-Z]?[a-z]+([-_. ][a-z]+|[A-Z][a-z]+)*[?:.]?$/.test(value) && /[-_. A-Z?:]/.test(value.slice(1));
}

function pathLike(value: string): boolean {
  return (
    /^(\.{0,2}|~|[a-z]+:\/)\//i.test(value) ||
    (/\.[a-z]{1,5}$/i.test(value.slice(-6)) && value.slice(0, value.lastIndexOf(".")).includes("/")) ||
    /^[\w.-]+\.(ts|js|py|json|md|go|rs|txt|ya?ml|env)$/i.test(value)
  );
}

/** Letters and digits mixed as no word is, in at least so many characters. */
function random(value: string, least: number): boolean {
  if (value.length < least || /\s/.test(value) || !/^[\w+/=.~!@#%^&*:-]+$/.test(value)) return false;
  if (/^[a-z]+([-_.:/][a-z]+)*[-_.:/]?v?\d*$/i.test(value)) return false;
  const turns = value.match(/\d(?=[A-Za-z])|[A-Za-z](?=\d)|[a-z](?=[A-Z])/g)?.length ?? 0;
  if ((value.match(/\d+/g)?.length ?? 0) < 2 || turns < 3) return false;
  return new Set(value).size >= 8;
}
