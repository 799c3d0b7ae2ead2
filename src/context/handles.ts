import { canonicalJson } from "../base/canonical-json.ts";
import { findOptimizerError, OptimizerError } from "../base/errors.ts";
import { isJsonObject, type Json } from "../base/json.ts";
import { sha256 } from "../base/sha256.ts";
import type { SessionContext } from "./session-context.ts";

/** A value that stayed behind when its program returned it. */
export interface KeptValue {
  /** `json`; for bytes their media type, or `bytes` where nobody told it. */
  readonly type: string;
  /** JSON text, in which bytes are `{ "$bytes": base64 }`. */
  readonly json: string;
}

/**
 * Values of one session that were too large for a model, each by a handle made of its content: equal values are
 * kept once. A handle opens nothing in another session. They last a day, and go before anything else when room is short.
 */
export interface Handles {
  /** Resolves with the handle. Rejects with 429 when there is no room even without all others. */
  put(type: string, value: Json): Promise<string>;
  /** Takes a handle, or the object that a model was given with it. Rejects with 400 `unknown_handle`. */
  open(handle: unknown): Promise<KeptValue>;
  /** Does a step that may need room; while there is none, the values that came first go. */
  giveWay<Result>(step: () => Promise<Result>): Promise<Result>;
}

/** How long a value is kept, from the last time that a program returned it. Milliseconds. */
const HANDLE_TTL_MS = 24 * 60 * 60 * 1000;

/** Of the digest, in hexadecimal: models copy handles, and no two values of a session share 96 bits by chance. */
const HANDLE_CHARACTERS = 24;
const HANDLE = /^[0-9a-f]{24}$/;

/** `area` holds nothing else. */
export function createHandles(area: SessionContext): Handles {
  const giveWay = async <Result>(step: () => Promise<Result>): Promise<Result> => {
    for (;;) {
      try {
        return await step();
      } catch (error) {
        const kind = findOptimizerError(error)?.kind;
        if (kind !== "context_full" && kind !== "storage_full") throw error;
        const [oldest] = await area.keys();
        if (oldest === undefined) throw error;
        await area.delete(oldest);
      }
    }
  };

  return {
    giveWay,

    async put(type, value) {
      const digest = await sha256(new TextEncoder().encode(`${type}\n${canonicalJson(value)}`));
      const handle = digest.slice(0, HANDLE_CHARACTERS);
      const record = `${type}\n${JSON.stringify(value)}`;
      await giveWay(() => area.set(handle, record, { ttlMs: HANDLE_TTL_MS }));
      return handle;
    },

    async open(given) {
      const handle = isJsonObject(given) ? given["handle"] : given;
      const record = typeof handle === "string" && HANDLE.test(handle) ? await area.get(handle) : undefined;
      if (typeof record !== "string") throw unknownHandle(handle);
      const end = record.indexOf("\n");
      return { type: record.slice(0, end), json: record.slice(end + 1) };
    },
  };
}

function unknownHandle(handle: unknown): OptimizerError {
  return new OptimizerError(`There is no handle ${String(JSON.stringify(handle)).slice(0, 100)}.`, {
    code: 400,
    kind: "unknown_handle",
    hint: "A handle opens a value in the session that it came from, for 24 hours at most. Run the program that made it again.",
  });
}
