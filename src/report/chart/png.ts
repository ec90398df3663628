import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

let ready: Promise<{ render: (svg: string) => Uint8Array }> | null = null;

/**
 * Rasterises a chart at its own size, the same on every machine: the renderer is WebAssembly and the letters come from a
 * font package, not from the system. Both are loaded at the first call. Letters that the font lacks (Chinese, for
 * example) show as boxes; the SVG itself has them.
 */
export async function chartPng(svg: string): Promise<Buffer> {
  ready ??= load();
  return Buffer.from((await ready).render(svg));
}

async function load(): Promise<{ render: (svg: string) => Uint8Array }> {
  const find = createRequire(import.meta.url).resolve;
  const { initWasm, Resvg } = await import("@resvg/resvg-wasm");
  const [wasm, regular, bold] = await Promise.all([
    readFile(find("@resvg/resvg-wasm/index_bg.wasm")),
    readFile(find("dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf")),
    readFile(find("dejavu-fonts-ttf/ttf/DejaVuSansCondensed-Bold.ttf")),
  ]);
  await initWasm(wasm);
  const font = {
    fontBuffers: [regular, bold],
    defaultFontFamily: "DejaVu Sans",
    sansSerifFamily: "DejaVu Sans",
  };
  return {
    render(svg) {
      const resvg = new Resvg(svg, { font });
      const image = resvg.render();
      const png = image.asPng();
      image.free();
      resvg.free();
      return png;
    },
  };
}
