import type { BackendChange, ContextRecord } from "./context-backend.ts";

/** What a step of this backend itself changed. */
export function toBackendChange(changes: ReadonlyMap<string, ContextRecord | undefined>): BackendChange {
  const written: string[] = [];
  const deleted: string[] = [];
  for (const [key, record] of changes) (record === undefined ? deleted : written).push(key);
  return { written, deleted, elsewhere: false };
}

/** What another tab or host says that it changed; `undefined` for anything else. */
export function parseChange(data: unknown): BackendChange | undefined {
  if (typeof data !== "object" || data === null || !("written" in data) || !("deleted" in data))
    return undefined;
  const { written, deleted } = data;
  return isTexts(written) && isTexts(deleted) ? { written, deleted, elsewhere: true } : undefined;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
