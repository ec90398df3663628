import { extname } from "node:path";
import { cssKnobs } from "./css.ts";
import { javascriptKnobs } from "./javascript.ts";
import { type Knob, knob, type Value } from "./knob.ts";
import { pythonKnobs } from "./python.ts";
import { tomlKnobs } from "./toml.ts";
import { frontMatterKnobs, yamlKnobs } from "./yaml.ts";

/** The knobs of one file, in the order in which they stand; none for a language that is not known. */
export function findKnobs(file: string, text: string): Knob[] {
  const seen = new Set<string>();
  return language(file, text)
    .map((found) => knob(file, found))
    .filter((found) => !seen.has(found.name) && seen.add(found.name));
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
