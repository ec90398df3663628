import type { Layout } from "./found.ts";
import { startFiles } from "./imports.ts";

/** A GPU for programs that speak of one, on a machine that has one. */
export const gpu: Layout = async (folder, found) => {
  if (folder.machine.gpus === 0 || !found.run) return;
  const files = [
    ...(await startFiles(folder, found.run.value)),
    ...(folder.has("prepare.py") ? ["prepare.py"] : []),
  ];
  const texts = await Promise.all(files.map((file) => folder.read(file)));
  if (!texts.some((text) => /\bcuda\b|\bCUDA_|\brocm\b|\bnvidia|import jax\b|\bcupy\b/i.test(text))) return;
  found.limits = {
    value: { ...found.limits?.value, gpus: "1" },
    from: `${found.limits ? `${found.limits.from}; ` : ""}it speaks of a GPU, and this machine has one`,
  };
};
