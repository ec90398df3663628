import { expect, it } from "vitest";
import { openResolver } from "./proxy.ts";

const answering = (...addresses: string[]) => openResolver(async () => addresses.shift() ?? "127.0.0.1");

it("follows a name that led outward from the start, and no longer once it leads inward", async () => {
  const resolve = answering(
    "93.184.216.34",
    "1.1.1.1",
    "10.0.0.7",
    "169.254.169.254",
    "::ffff:127.0.0.1",
    "1.1.1.1",
  );
  expect(await resolve("public.example")).toEqual({ address: "93.184.216.34" });
  expect(await resolve("public.example")).toEqual({ address: "1.1.1.1" });
  for (const inward of ["10.0.0.7", "169.254.169.254", "::ffff:127.0.0.1"])
    expect(await resolve("public.example")).toEqual({
      refusal: `public.example now leads to ${inward}, inside of this network, and did not before`,
    });
  expect(await resolve("public.example")).toEqual({ address: "1.1.1.1" });
});

it("follows a name that leads inward from the start: the contract means a host of one's own network", async () => {
  const resolve = answering("192.168.1.9", "93.184.216.34", "192.168.1.9");
  for (const address of ["192.168.1.9", "93.184.216.34", "192.168.1.9"])
    expect(await resolve("nas.local")).toEqual({ address });
});

it("asks nobody for an address or for localhost, and says which name cannot be found", async () => {
  const resolve = openResolver(async () => {
    throw new Error("no such name");
  });
  expect(await resolve("1.1.1.1")).toEqual({ address: "1.1.1.1" });
  expect(await resolve("localhost")).toEqual({ address: "127.0.0.1" });
  expect(await resolve("gone.example")).toEqual({ refusal: "gone.example cannot be found: no such name" });
});
