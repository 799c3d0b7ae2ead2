import { decodeBase64 } from "../base/base64.ts";
import { messageOf } from "../base/errors.ts";
import type { Json, JsonObject } from "../base/json.ts";
import { textBytes } from "../base/text.ts";
import type { TokenCounter } from "../base/tokens.ts";
import { inferShape } from "../tools/infer-shape.ts";
import { type FoundBytes, replaceBytes } from "./byte-values.ts";
import { cutValue } from "./cut-value.ts";
import { MIN_TOKENS_PER_REQUEST } from "./flags.ts";

/** What stands for a value that stayed behind; `context.open(handle)` gives the value to a later program. */
export interface Handle {
  readonly handle: string;
  /** `json`; for bytes their media type, or `bytes` where nobody told it. */
  readonly type: string;
  /** Size of the bytes, or of the value as JSON. */
  readonly bytes: number;
  /** As much of the value as fits; of bytes the beginning, as text where it is text, else in hexadecimal. */
  readonly preview: Json;
  /** Its type in the program's language. */
  readonly shape: string;
}

/** A value inside a token budget. */
export interface FittedValue {
  /** The value; or a {@link Handle}; or, where not even that finds room, what a cut left of it. */
  readonly value: Json;
  /** Tokens of the value as minified JSON. */
  readonly tokens: number;
  /** Present when the value was over the budget: what the whole would have cost, and how to get the rest. */
  readonly truncated?: Truncation;
}

/** How much of a value was left out for the token budget. */
export interface Truncation {
  /** Tokens of the whole value. */
  readonly fullTokens: number;
  readonly maxTokens: number;
  readonly hint: string;
  /** Opens the whole value. Absent when there was no room to keep it. */
  readonly handle?: string;
}

export interface FitOptions {
  readonly maxTokens: number;
  readonly countTokens: TokenCounter;
  readonly language: "typescript" | "python";
  /** Keeps a value and resolves with its handle. Rejects when there is no room. */
  readonly keep: (type: string, value: Json) => Promise<string>;
}

/** Fewer bytes stay in the value: a handle of them would be as long. */
const INLINE_BYTES = 64;
/** Bytes of one value that get a handle each; each is a step of the store. */
const MAX_BYTE_HANDLES = 20;
/** Room for what counting parts by themselves does not see. Tokens. */
const MARGIN = 8;
const MAX_SHAPE_CHARACTERS = 300;

/** Fits what a program returned to a budget: bytes stay behind, and so does a value that is too large. */
export async function fitValue(value: Json, options: FitOptions): Promise<FittedValue> {
  const { maxTokens, countTokens } = options;
  const count = async (part: Json): Promise<number> => (await countTokens([JSON.stringify(part)]))[0] ?? 0;
  const hasBytes = JSON.stringify(value).includes('"base64"');
  const light = hasBytes ? await keepBytes(value, options) : value;
  const fullTokens = await count(light);
  if (fullTokens <= maxTokens) return { value: light, tokens: fullTokens };
  const cutTo = async (truncated: Truncation): Promise<FittedValue> => ({
    ...(await cutValue(light, maxTokens, countTokens)),
    truncated,
  });
  let kept: JsonObject & Handle;
  try {
    kept = await keepWhole(hasBytes ? withPlainBytes(value) : value, hasBytes, options);
  } catch (error) {
    const hint = `The value was cut. Return less: filter, aggregate or slice it in the program, or keep it with context.set(key, value) and read it in parts by later programs. It could not be kept: ${messageOf(error)}`;
    return cutTo({ fullTokens, maxTokens, hint });
  }
  const truncated = {
    fullTokens,
    maxTokens,
    hint: "The value stayed behind, whole: a later program gets it with await context.open(handle). To see more here, return less: filter, aggregate or slice it in the program.",
    handle: kept.handle,
  };
  const room = maxTokens - (await count(kept)) - MARGIN;
  if (room >= MIN_TOKENS_PER_REQUEST) {
    const { value: preview } = await cutValue(light, room, countTokens);
    const whole: JsonObject = { ...kept, preview };
    const tokens = await count(whole);
    if (tokens <= maxTokens) return { value: whole, tokens, truncated };
  }
  return cutTo(truncated);
}

/** Bytes as context keeps them. */
function withPlainBytes(value: Json): Json {
  return replaceBytes(value, ({ base64 }) => ({ $bytes: base64 }));
}

/** Keeps a value, and makes its {@link Handle} but for the preview. Rejects as `keep` does. */
async function keepWhole(
  value: Json,
  hasBytes: boolean,
  { maxTokens, language, keep }: FitOptions,
): Promise<JsonObject & Handle> {
  const handle = await keep("json", value);
  const bytes = textBytes(JSON.stringify(value));
  // Most values fit: a page that returns no other has less to fetch.
  const { shortType } = await import("../tools/short-type.ts");
  const maxCharacters = Math.min(maxTokens, MAX_SHAPE_CHARACTERS);
  const shape = shortType(inferShape(value, hasBytes), language, maxCharacters) ?? "unknown";
  return { handle, type: "json", bytes, preview: null, shape };
}

/** The value with handles in place of larger bytes. Bytes for which there is no room stay. */
async function keepBytes(value: Json, { language, keep }: FitOptions): Promise<Json> {
  const found: FoundBytes[] = [];
  replaceBytes(value, (bytes) => {
    if (bytes.byteLength > INLINE_BYTES && found.length < MAX_BYTE_HANDLES) found.push(bytes);
    return null;
  });
  const handles = new Map<JsonObject, JsonObject>();
  for (const { object, base64, byteLength, type } of found) {
    const handle = await keep(type, { $bytes: base64 }).catch(() => undefined);
    if (handle === undefined) continue;
    const shape = language === "python" ? "bytes" : "Uint8Array";
    const stand = { handle, type, bytes: byteLength, preview: beginningOf(base64), shape } satisfies Handle;
    handles.set(object, stand);
  }
  return handles.size === 0 ? value : replaceBytes(value, ({ object }) => handles.get(object) ?? object);
}

/** Characters of base64 that a preview is made of: 96 bytes. */
const PREVIEW_BASE64 = 128;
const PREVIEW_HEX_BYTES = 16;

function beginningOf(base64: string): string {
  const bytes = decodeBase64(base64.slice(0, PREVIEW_BASE64));
  try {
    // As a stream: the last character may be cut in two.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    if (!/[^\P{Cc}\t\n\r]/u.test(text)) return base64.length > PREVIEW_BASE64 ? `${text}…` : text;
  } catch {
    // It is no text.
  }
  const hex = Array.from(bytes.subarray(0, PREVIEW_HEX_BYTES), (byte) => byte.toString(16).padStart(2, "0"));
  return `${hex.join("")}…`;
}
