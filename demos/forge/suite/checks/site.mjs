// Usage: node checks/site.mjs changelog|older|redirects|readable
import { existsSync, readFileSync } from "node:fs";

const [kind] = process.argv.slice(2);
const fail = (why) => {
  console.log(why);
  process.exit(1);
};
const read = (path) => (existsSync(path) ? readFileSync(path, "utf8") : fail(`${path} is not there`));
const sections = () => {
  const all = read("CHANGES.txt")
    .split(/^(?=## )/m)
    .map((part) => part.trimEnd());
  return { head: all[0], newest: all[1] ?? "", older: all.slice(2) };
};
const older = [
  "## 2.3.0 - 2025-04-11\n\n### Added\n\n- Search in all pages.\n- Dark colours.\n\n### Fixed\n\n- Links in the footer.",
  "## 2.2.1 - 2025-02-20\n\n### Fixed\n\n- Dates in the archive.",
];
const newest =
  "## 2.4.0 - 2025-07-01\n\n### Added\n\n- Reading time of each post.\n- Print view.\n\n### Fixed\n\n- Broken images in the feed.\n- Keyboard focus in the menu.";
const redirects = [
  ["/about/team", "/people"],
  ["/blog/first", "/news/first"],
  ["/careers", "/people/careers"],
  ["/jobs", "/people/careers"],
  ["/map", "/contact"],
  ["/store", "/shop"],
  ["/team", "/people"],
].map(([from, to]) => `${from},${to},301`);
const kinds = {
  changelog: () => sections().newest === newest || fail("the section of 2.4.0 is not what it should be"),
  older: () => {
    const { head, older: own } = sections();
    if (head !== "# Changelog" || own.join("\n") !== older.join("\n"))
      fail("the older sections are not what they were");
  },
  redirects: () => {
    const lines = read("web/redirects.csv").trimEnd().split(/\r?\n/).slice(1);
    const own = lines.filter((line) => line.startsWith("/")).map((line) => line.replaceAll(";", ","));
    if (own.join() !== redirects.join()) fail("the redirects are not what they should be");
  },
  readable: () => {
    const [head, ...lines] = read("web/redirects.csv").trimEnd().split(/\r?\n/);
    if (head !== "from,to,code") fail("the first line is not from,to,code");
    const strange = lines.find((line) => !/^\/[^,;]*,\/[^,;]*,\d{3}$/.test(line));
    if (strange !== undefined) fail(`the server cannot read the line ${strange}`);
  },
};
kinds[kind]();
console.log("it is as it should be");
