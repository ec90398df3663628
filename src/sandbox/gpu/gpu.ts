/** A GPU of this machine. */
export interface Gpu {
  kind: "nvidia" | "amd" | "wsl" | "metal";
  /** The number by which the vendor's tools and libraries know it. */
  index: number;
  name: string;
  /** Bytes of device memory; null where the vendor's tool is not there to say it. */
  memory: number | null;
  /** Device nodes of this GPU alone. */
  nodes: readonly string[];
  /** Device nodes of its driver, which all of its GPUs share. */
  shared: readonly string[];
}
