const secretName =
  /(^|_)(key|keys|apikey|token|tokens|secret|secrets|password|passwd|passphrase|pwd|credential|credentials|auth|pat|dsn)(_|\d*$)/i;
/** Names that end like a secret's and hold none. */
const plainName = /^(SSH_AUTH_SOCK|TOKENIZERS_PARALLELISM|KEYBOARD|.*_(KEY|TOKEN)_(FILE|PATH|DIR|ID|NAME))$/i;

/**
 * Whether the name of an environment variable says that its value is a secret.
 *
 * @example isSecretName("OPENAI_API_KEY") // true
 * @example isSecretName("CUDA_VISIBLE_DEVICES") // false
 */
export function isSecretName(name: string): boolean {
  return secretName.test(name) && !plainName.test(name);
}
