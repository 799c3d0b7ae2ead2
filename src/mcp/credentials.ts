// What a server sends back crosses here on its way to programs and models. It may hold the credentials
// that the server was sent; nobody beyond this layer has any use for them.

/** Names of headers whose values are credentials. */
const CREDENTIAL_NAME = /auth|token|key|secret|cookie|passw|credential|session/i;

/** Shorter values occur in ordinary text. */
const MIN_SECRET_CHARS = 8;

const HIDDEN = "[redacted]";

/** Takes the credentials of one server out of texts and data. */
export interface CredentialFilter {
  text(text: string): string;
  /** A copy without them; the same object when there are none in it. */
  data<T extends object>(data: T): T;
}

/** Knows the credentials among `headers`, whole and without their scheme (`Bearer …`). */
export function createCredentialFilter(headers: Readonly<Record<string, string>>): CredentialFilter {
  const values = Object.entries(headers).flatMap(([name, value]) =>
    CREDENTIAL_NAME.test(name) ? [value, ...value.split(/[\s;,]+/)] : [],
  );
  const secrets = [...new Set(values)]
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)])
    .filter((value) => value.length >= MIN_SECRET_CHARS)
    .sort((one, other) => other.length - one.length);
  const hide = (text: string): string =>
    secrets.reduce((rest, secret) => rest.replaceAll(secret, HIDDEN), text);
  return {
    text: hide,
    data(data) {
      if (secrets.length === 0) return data;
      const json = JSON.stringify(data);
      if (!secrets.some((secret) => json.includes(secret))) return data;
      const clean: typeof data = JSON.parse(hide(json));
      return clean;
    },
  };
}
