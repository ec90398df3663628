import { createHash } from "node:crypto";
import { deflateSync, inflateSync } from "node:zlib";
import { withoutEvolution } from "./evolution.ts";
import type { Skill } from "./skill.ts";
import { filesOf } from "./write.ts";

/** A skill as the ledger keeps it: JSON, its files in base64, deflated. */
export function packed(skill: Skill): Buffer {
  const files = [...skill.files].map(([path, content]) => [path, content.toString("base64")]);
  return deflateSync(JSON.stringify({ ...skill, files }));
}

export function unpacked(bytes: Buffer): Skill {
  const { files, ...skill } = JSON.parse(inflateSync(bytes).toString()) as Omit<Skill, "files"> & {
    files: [string, string][];
  };
  return { ...skill, files: new Map(files.map(([path, content]) => [path, Buffer.from(content, "base64")])) };
}

/** Hash over all files of a skill's folder as its author wrote it: lineage and scores are no part of it. */
export function contentHash(skill: Skill): string {
  const hash = createHash("sha256");
  for (const [path, content] of filesOf(withoutEvolution(skill)))
    hash.update(`${path}\0${content.length}\0`).update(content);
  return hash.digest("hex");
}
