/** Names of headers and fields whose values are credentials. */
export const CREDENTIAL_NAME = /auth|token|key|secret|cookie|passw|credential|session/i;

/** Stands in place of a credential. */
export const HIDDEN = "[redacted]";
