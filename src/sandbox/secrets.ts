/** Names that hold passwords and keys by custom, as whole names of files or folders. */
const names = new Set([
  ...[".ssh", ".aws", ".azure", ".gnupg", ".kube", ".docker", ".netrc", "_netrc", ".git-credentials"],
  ...[
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".vault-token",
    ".boto",
    ".s3cfg",
  ],
  ...["credentials", "credentials.json", "credentials.toml", "credentials.yaml", "credentials.yml"],
  ...["application_default_credentials.json", "auth.json", ".credentials.json", ".password-store"],
  ...["gcloud", "gh", "hub", "keyrings", "keychains", "secrets", ".secrets", "secrets.json", "secrets.yaml"],
  ...["secrets.yml", "secrets.toml", ".mozilla", ".thunderbird", ".bash_history", ".zsh_history"],
  ...[".python_history", ".node_repl_history", ".psql_history", ".envrc", "kubeconfig", "shadow", "gshadow"],
]);
const endings = /\.(?:pem|key|p12|pfx|kdbx|keystore|jks|ppk|asc|gpg|tfstate)$/i;
const keyFile =
  /^id_(?:rsa|dsa|ecdsa|ed25519|[a-z0-9_]+_sk)(?:\..*)?$|^(?:service[-_]?account|client_secret).*\.json$/i;
const environmentFile = /^\.env(?:\..+)?$/;
const sample = /\.(?:example|sample|template|dist|defaults?)$/;

/**
 * Whether a path looks like a password, a key or what holds some: by its name or that of a folder above it. A guess by
 * custom, for what nobody has named: whoever names such a path under `inputs` gets it.
 */
export function looksSecret(path: string): boolean {
  return path.split("/").some(isSecretName);
}

/** The same for one name. */
export function isSecretName(name: string): boolean {
  if (environmentFile.test(name)) return !sample.test(name);
  return names.has(name.toLowerCase()) || endings.test(name) || keyFile.test(name);
}
