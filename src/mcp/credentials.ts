// What a server sends back crosses here on its way to programs and models. It may hold the credentials
// that the server was sent; nobody beyond this layer has any use for them.

import { findOptimizerError, OptimizerError } from "../base/errors.ts";
import { CREDENTIAL_NAME, HIDDEN } from "../base/secrets.ts";
import type { ToolCallOptions } from "../tools/tool.ts";
import type { FetchLike } from "./limited-fetch.ts";

/** Shorter values occur in ordinary text. */
const MIN_SECRET_CHARS = 8;

/** Tokens change; an answer can repeat one of the last few. */
const MAX_LEARNED = 16;

/** Takes the credentials of one server out of texts and data. */
export interface CredentialFilter {
  text(text: string): string;
  /** A copy without them; the same object when there are none in it. */
  data<T extends object>(data: T): T;
  /** An error of ours without them; the same object when there are none in it. */
  error(error: unknown): unknown;
  /** Options whose listener hears nothing of them. */
  listening(options: ToolCallOptions): ToolCallOptions;
  /** A `fetch` from which it learns the tokens that are sent beside the configured headers. */
  watch(fetch: FetchLike): FetchLike;
}

/** Knows the credentials among `headers`, whole and without their scheme (`Bearer …`). */
export function createCredentialFilter(headers: Readonly<Record<string, string>>): CredentialFilter {
  const values = Object.entries(headers).flatMap(([name, value]) =>
    CREDENTIAL_NAME.test(name) ? [value, ...value.split(/[\s;,]+/)] : [],
  );
  let secrets = toSecrets(values);
  const learned: string[] = [];
  const hide = (text: string): string =>
    secrets.reduce((rest, secret) => rest.replaceAll(secret, HIDDEN), text);
  const learn = (header: string): void => {
    if (learned.includes(header)) return;
    learned.push(header);
    if (learned.length > MAX_LEARNED) learned.shift();
    secrets = toSecrets([...values, ...learned.flatMap((value) => [value, ...value.split(/[\s;,]+/)])]);
  };
  const data = <T extends object>(dirty: T): T => {
    if (secrets.length === 0) return dirty;
    const json = JSON.stringify(dirty);
    if (!secrets.some((secret) => json.includes(secret))) return dirty;
    const clean: typeof dirty = JSON.parse(hide(json));
    return clean;
  };
  return {
    text: hide,
    data,
    error: (error) => cleanError(error, hide),
    listening({ onProgress, ...options }) {
      return onProgress === undefined
        ? options
        : { ...options, onProgress: (progress) => onProgress(data(progress)) };
    },
    watch: (fetch) => (url, init) => {
      const token = new Headers(init?.headers).get("authorization");
      if (token !== null) learn(token);
      return fetch(url, init);
    },
  };
}

function cleanError(error: unknown, hide: (text: string) => string): unknown {
  const known = findOptimizerError(error);
  if (known === undefined) return error;
  const message = hide(known.message);
  const { code, kind, hint, retryable, cause } = known;
  if (message === known.message) return error;
  const rest = hint === undefined ? {} : { hint };
  return new OptimizerError(message, { code, kind, retryable, cause, ...rest });
}

/** The forms in which an answer may repeat them, the longest first. */
function toSecrets(values: readonly string[]): readonly string[] {
  return [...new Set(values)]
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)])
    .filter((value) => value.length >= MIN_SECRET_CHARS)
    .sort((one, other) => other.length - one.length);
}
