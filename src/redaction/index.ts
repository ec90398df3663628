export { redactor } from "./known.ts";
export { isSecretName } from "./names.ts";
export { openRedactor, type RedactOptions, type Redactor } from "./redact.ts";
