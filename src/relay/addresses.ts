import { BlockList, isIP } from "node:net";

// IANA's registries of special-purpose addresses, as of 2025: what they do not call globally reachable, and what leads to
// other addresses. One list for each: in a common one an IPv4 address also counts as its IPv6 form.
const closed4 = new BlockList();
const closed6 = new BlockList();
for (const [address, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  closed4.addSubnet(address, bits, "ipv4");
// Of IPv6 only 2000::/3 is public, and of that not what carries an IPv4 address or leads to one.
for (const [address, bits] of [
  ["::", 3],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
  ["4000::", 2],
  ["8000::", 1],
] as const)
  closed6.addSubnet(address, bits, "ipv6");

/** Whether an address belongs to the public network: none of this machine, of a local network, of a cloud's own. */
export function isPublic(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !closed4.check(address, "ipv4");
  return family === 6 && !closed6.check(address, "ipv6");
}
