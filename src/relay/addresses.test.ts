import { describe, expect, it } from "vitest";
import { isPublic } from "./addresses.ts";

describe("an address", () => {
  it.each([
    "127.0.0.1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.51.100.7",
    "203.0.113.255",
    "2001::1",
    "2001:2::1",
    "2001:1ff::1",
    "3fff:fff::1",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "ff02::1",
    "nonsense",
  ])("takes %s for no public address", (address) => expect(isPublic(address)).toBe(false));

  it.each([
    "1.1.1.1",
    "93.184.216.34",
    "172.32.0.1",
    "192.0.3.1",
    "2001:200::1",
    "2606:4700::1111",
    "2a00:1450:4001::8a",
  ])("takes %s for a public address", (address) => expect(isPublic(address)).toBe(true));
});
