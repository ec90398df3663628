import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";

/** Single names below /etc that programs look up; none of them holds a password or a key. */
const names = new Set([
  ...["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "timezone", "group"],
  ...[
    "protocols",
    "services",
    "rpc",
    "networks",
    "host.conf",
    "gai.conf",
    "ethertypes",
    "mime.types",
    "mailcap",
  ],
  ...[
    "magic",
    "magic.mime",
    "os-release",
    "lsb-release",
    "debian_version",
    "redhat-release",
    "alpine-release",
  ],
  ...[
    "locale.alias",
    "locale.conf",
    "locale.gen",
    "terminfo",
    "inputrc",
    "bash.bashrc",
    "shells",
    "environment.d",
  ],
  ...[
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "glvnd",
    "vulkan",
    "OpenCL",
    "OpenAL",
    "R",
  ],
  ...[
    "xml",
    "sgml",
    "texmf",
    "ghostscript",
    "papersize",
    "octave.conf",
    "julia",
    "maven",
    "matplotlibrc",
    "mono",
  ],
]);
/** The same with a version in the name: /etc/java-17-openjdk, /etc/python3.11, /etc/chromium.d, /etc/gtk-3.0 ... */
const families =
  /^(?:java|fonts|chromium|python|pypy|perl|ruby|php|lua|gtk|qt|ImageMagick|dotnet|clang|llvm|erlang|ghc|nvidia|cuda|rocm)[\w.+-]*$/;
/** Of folders that hold private keys as well, the public parts. */
const certificates = [
  ...["ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "ssl/ca-bundle.pem", "pki/ca-trust", "pki/java"],
  ...["pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf"],
];

/** Whether a name directly below /etc is shown as it is. */
export function isShownOfEtc(name: string): boolean {
  return names.has(name) || families.test(name);
}

let shownOnce: string[] | null = null;

/**
 * What programs look up in /etc: names of users, hosts and protocols, certificates, and the settings of languages and
 * fonts, with the network or without. Where the network is closed `localhost` is the only host that has a name.
 *
 * @param folder an empty folder of this run for the files that are made up.
 * @param open true: the run shares the host's network, and so its names.
 */
export function etc(folder: string, open: boolean, home: string): string[] {
  shownOnce ??= readdirSync("/etc").filter(isShownOfEtc);
  const shown = [...shownOnce, ...certificates, ...(open ? ["resolv.conf", "hosts", "nsswitch.conf"] : [])];
  const args = shown.flatMap((name) => ["--ro-bind-try", posix.join("/etc", name), posix.join("/etc", name)]);
  const made: Record<string, string> = {
    passwd: withHome(readFileSync("/etc/passwd", "utf8"), process.getuid?.() ?? -1, home),
    "machine-id": "77686574000000000000000000000001\n",
    ...(open ? {} : { hosts: closedHosts, "nsswitch.conf": closedNames }),
  };
  for (const [name, text] of Object.entries(made)) {
    const host = join(folder, name);
    writeFileSync(host, text);
    args.push("--ro-bind", host, posix.join("/etc", name));
  }
  return args;
}

const closedHosts = "127.0.0.1 localhost whetstone\n::1 localhost ip6-localhost ip6-loopback\n";
const closedNames = "passwd: files\ngroup: files\nhosts: files\nprotocols: files\nservices: files\n";

/** The list of users with the run's own home for the user that it runs as: programs ask there too, besides $HOME. */
export function withHome(passwd: string, uid: number, home: string): string {
  return passwd
    .split("\n")
    .map((line) => {
      const fields = line.split(":");
      return fields[2] === String(uid) && fields.length === 7 ? fields.with(5, home).join(":") : line;
    })
    .join("\n");
}
