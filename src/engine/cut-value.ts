import type { Json, JsonObject } from "../base/json.ts";
import type { TokenCounter } from "../base/tokens.ts";

/** Characters that a token of JSON holds at first guess; the guess is corrected by counting. */
const CHARACTERS_PER_TOKEN = 3;
const MAX_ROUNDS = 8;

/** What is left of a value inside a token budget. */
export interface CutValue {
  readonly value: Json;
  /** Tokens of the value as minified JSON. */
  readonly tokens: number;
}

/**
 * Cuts a value that is over a budget by leaving out whole parts: the rest of a list, large fields of an
 * object, the end of a text. The result is valid JSON in which each cut says what is missing.
 */
export async function cutValue(value: Json, maxTokens: number, countTokens: TokenCounter): Promise<CutValue> {
  const sizes = new Map<Json, number>();
  measure(value, sizes);
  let characters = maxTokens * CHARACTERS_PER_TOKEN;
  let best: CutValue = { value: null, tokens: 1 };
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const candidate = cut(value, Math.floor(characters), sizes);
    const [tokens = 0] = await countTokens([JSON.stringify(candidate)]);
    if (tokens <= maxTokens && tokens > best.tokens) best = { value: candidate, tokens };
    if (tokens <= maxTokens && tokens >= maxTokens * 0.85) break;
    characters *= Math.min(2, (maxTokens * 0.95) / Math.max(1, tokens));
  }
  return best;
}

/** Notes the length of every list and object as JSON, so that cutting needs to write nothing twice. */
function measure(value: Json, sizes: Map<Json, number>): number {
  if (typeof value !== "object" || value === null) return JSON.stringify(value).length;
  let size = 2;
  if (Array.isArray(value)) for (const item of value) size += measure(item, sizes) + 1;
  else
    for (const [key, field] of Object.entries(value))
      size += JSON.stringify(key).length + 2 + measure(field, sizes);
  sizes.set(value, size);
  return size;
}

function sizeOf(value: Json, sizes: ReadonlyMap<Json, number>): number {
  return sizes.get(value) ?? JSON.stringify(value).length;
}

function cut(value: Json, budget: number, sizes: ReadonlyMap<Json, number>): Json {
  if (sizeOf(value, sizes) <= budget) return value;
  if (typeof value === "string") return cutText(value, budget);
  if (typeof value !== "object" || value === null) return value;
  return Array.isArray(value)
    ? cutList(value, budget, sizes)
    : cutObject(Object.entries(value), budget, sizes);
}

/** Room for the words that say what is missing. Characters. */
const NOTE = 32;

function cutText(text: string, budget: number): string {
  // The budget counts characters of JSON, where some of the text are written as six.
  const share = text.length / JSON.stringify(text).length;
  let end = Math.max(0, Math.min(text.length - 1, Math.floor((budget - NOTE) * share)));
  const last = text.charCodeAt(end - 1);
  // Never between the two halves of a character.
  if (last >= 0xd800 && last <= 0xdbff) end -= 1;
  return `${text.slice(0, end)}… (${text.length - end} more characters)`;
}

function cutList(items: readonly Json[], budget: number, sizes: ReadonlyMap<Json, number>): Json {
  const kept: Json[] = [];
  let left = budget - NOTE;
  for (const item of items) {
    const size = sizeOf(item, sizes) + 1;
    if (size > left) {
      // A first item that is too large alone is still worth its beginning.
      if (kept.length === 0 && left > NOTE) kept.push(cut(item, left, sizes));
      break;
    }
    kept.push(item);
    left -= size;
  }
  const missing = items.length - kept.length;
  return missing === 0 ? kept : [...kept, `… (${missing} more of ${items.length} items)`];
}

/** Small fields stay whole; the large ones share what is left. */
function cutObject(
  entries: readonly (readonly [string, Json])[],
  budget: number,
  sizes: ReadonlyMap<Json, number>,
): Json {
  const measured = entries.map(([key, field], index) => ({
    key,
    field,
    index,
    label: JSON.stringify(key).length + 2,
    size: sizeOf(field, sizes),
  }));
  let left = budget - NOTE;
  const kept: { readonly index: number; readonly key: string; readonly field: Json }[] = [];
  const bySize = measured.toSorted((one, other) => one.size + one.label - other.size - other.label);
  for (const [position, { key, field, index, label, size }] of bySize.entries()) {
    const share = Math.floor(left / (bySize.length - position)) - label;
    const room = Math.max(share, size <= share ? size : 0);
    if (size > room && room < NOTE) continue;
    const value = size <= room ? field : cut(field, room, sizes);
    left -= label + Math.min(size, room);
    kept.push({ index, key, field: value });
  }
  kept.sort((one, other) => one.index - other.index);
  const missing = entries.length - kept.length;
  const result = kept.map(({ key, field }): [string, Json] => [key, field]);
  if (missing > 0) result.push(["…", `${missing} more of ${entries.length} fields`]);
  return Object.fromEntries(result) satisfies JsonObject;
}
