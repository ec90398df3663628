/** Whether the hosts of a contract name this one. */
export function allowed(hosts: readonly string[], name: string, port: number): boolean {
  const host = name.toLowerCase();
  return hosts.some((entry) => {
    const [, allowedName, allowedPort] = /^(.*?)(?::(\d+))?$/.exec(entry.trim().toLowerCase()) ?? [];
    if (allowedName !== host) return false;
    return allowedPort === undefined ? port === 80 || port === 443 : Number(allowedPort) === port;
  });
}
