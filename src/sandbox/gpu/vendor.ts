/** What a vendor's tool says of one GPU at one moment. */
export interface VendorGpu {
  index: number;
  name: string;
  /** Bytes. */
  memory: number | null;
  used: number | null;
}

/** NVIDIA's tool counts in MiB and leaves the unit out when asked to. */
const nvidiaUnit = 2 ** 20;

/** The fields of a line of `nvidiaQuery`, in this order. */
export const nvidiaFields = "index,name,memory.total,memory.used";

/**
 * Reads lines of `nvidia-smi --query-gpu=index,name,memory.total,memory.used --format=csv,noheader,nounits`. A figure
 * that the driver does not tell (`[N/A]`) is null.
 */
export function readNvidia(csv: string): VendorGpu[] {
  return csv.split("\n").flatMap((line) => {
    const fields = line.split(",").map((field) => field.trim());
    const index = Number(fields[0]);
    if (fields.length < 4 || fields[0] === "" || !Number.isInteger(index)) return [];
    const [memory, used] = fields.slice(-2).map((field) => amount(field, nvidiaUnit));
    // A name may hold a comma.
    return [{ index, name: fields.slice(1, -2).join(", "), memory: memory ?? null, used: used ?? null }];
  });
}

/** Reads `rocm-smi --showproductname --showmeminfo vram --json`: an object with a key `cardN` for each GPU. */
export function readRocm(json: string): VendorGpu[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return [];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value)
    .flatMap(([key, card]): VendorGpu[] => {
      const index = Number(/^card(\d+)$/.exec(key)?.[1]);
      if (!Number.isInteger(index) || typeof card !== "object" || card === null) return [];
      const text = (name: RegExp) => {
        const found = Object.entries(card).find(([field]) => name.test(field))?.[1] as unknown;
        return typeof found === "string" || typeof found === "number" ? String(found) : "";
      };
      return [
        {
          index,
          name: text(/^card series$/i) || text(/^card model$/i) || "AMD GPU",
          memory: amount(text(/^vram total memory \(b\)$/i), 1),
          used: amount(text(/^vram total used memory \(b\)$/i), 1),
        },
      ];
    })
    .sort((a, b) => a.index - b.index)
    .map((gpu, index) => ({ ...gpu, index }));
}

function amount(text: string, unit: number): number | null {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) * unit : null;
}
