import { extname } from "node:path";
import { cssKnobs } from "./css.ts";
import { javascriptKnobs } from "./javascript.ts";
import { type Knob, knob, type Value } from "./knob.ts";
import { pythonKnobs } from "./python.ts";
import { tomlKnobs } from "./toml.ts";
import { frontMatterKnobs, yamlKnobs } from "./yaml.ts";

/** What names, dates or merely decides luck: tuning a seed finds luck, not improvement. */
const notAKnob = /(^|[._])(\$?schema|schema_?version|version|id|uuid|port|year|date|seed|random_state)$/i;

/** The knobs of one file, in the order in which they stand; none for a language that is not known. */
export function findKnobs(file: string, text: string): Knob[] {
  const seen = new Map<string, number>();
  return language(file, text)
    .filter((found) => !notAKnob.test(found.name))
    .sort((a, b) => a.start - b.start)
    .map((found) => {
      const count = (seen.get(found.name) ?? 0) + 1;
      seen.set(found.name, count);
      return knob(file, count === 1 ? found : { ...found, name: `${found.name} (${count})` });
    });
}

function language(file: string, text: string) {
  switch (extname(file).toLowerCase()) {
    case ".ts":
    case ".tsx":
    case ".mts":
    case ".cts":
    case ".js":
    case ".jsx":
    case ".mjs":
    case ".cjs":
      return javascriptKnobs(text);
    case ".py":
      return pythonKnobs(text);
    case ".json":
    case ".yaml":
    case ".yml":
      return yamlKnobs(text);
    case ".toml":
      return tomlKnobs(text);
    case ".css":
      return cssKnobs(text);
    case ".md":
    case ".markdown":
      return frontMatterKnobs(text);
    default:
      return [];
  }
}

/** The text with some knobs set; everything else stays byte for byte. The knobs must be those of this text. */
export function setKnobs(text: string, settings: ReadonlyMap<Knob, Value>): string {
  let result = text;
  for (const [knob, value] of [...settings].sort(([a], [b]) => b.start - a.start))
    result = result.slice(0, knob.start) + knob.write(value) + result.slice(knob.end);
  return result;
}
