import { isJsonObject, type Json } from "../base/json.ts";
import type { JsonSchema } from "./tool.ts";

/** Finds what a `$ref` of one document means; undefined when it leads nowhere inside that document. */
export type ReferenceResolver = (reference: string) => Json | undefined;

/** Most objects that are searched for `$id` and `$anchor`. */
const MAX_SEARCHED = 20_000;

/**
 * Makes the resolver of a schema document: JSON pointers into any part of it (`~0`, `~1` and `%`
 * escapes read), anchors, and `$id`s that the document itself declares. Nothing is ever fetched.
 */
export function createReferenceResolver(root: JsonSchema): ReferenceResolver {
  let names: Map<string, Json> | undefined;
  const named = (name: string): Json | undefined => {
    names ??= collectNames(root);
    return names.get(name);
  };
  return (reference) => {
    const hash = reference.indexOf("#");
    const address = hash < 0 ? reference : reference.slice(0, hash);
    const fragment = decodeFragment(hash < 0 ? "" : reference.slice(hash + 1));
    const base = address === "" ? root : named(address);
    if (base === undefined || fragment === undefined) return undefined;
    if (fragment === "") return base;
    return fragment.startsWith("/") ? followPointer(base, fragment) : named(`${address}#${fragment}`);
  };
}

function decodeFragment(fragment: string): string | undefined {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

function followPointer(base: Json, pointer: string): Json | undefined {
  let at: Json | undefined = base;
  for (const segment of pointer.slice(1).split("/")) {
    const key = segment.replaceAll("~1", "/").replaceAll("~0", "~");
    if (isJsonObject(at)) at = Object.hasOwn(at, key) ? at[key] : undefined;
    else if (Array.isArray(at)) at = /^\d{1,6}$/.test(key) ? childAt(at, Number(key)) : undefined;
    else return undefined;
  }
  return at;
}

function childAt(list: readonly Json[], index: number): Json | undefined {
  return list[index];
}

function collectNames(root: JsonSchema): Map<string, Json> {
  const names = new Map<string, Json>();
  const remember = (name: string, schema: Json): void => {
    if (!names.has(name)) names.set(name, schema);
  };
  const queue: { readonly value: Json; readonly address: string }[] = [{ value: root, address: "" }];
  for (let at = 0; at < queue.length && at < MAX_SEARCHED; at++) {
    const entry = queue[at];
    if (entry === undefined) break;
    let { address } = entry;
    if (isJsonObject(entry.value)) {
      const schema = entry.value;
      if (typeof schema["$id"] === "string") {
        address = schema["$id"].replace(/#$/, "");
        remember(address, schema);
      }
      for (const keyword of ["$anchor", "$dynamicAnchor"]) {
        const anchor = schema[keyword];
        if (typeof anchor !== "string") continue;
        remember(`#${anchor}`, schema);
        remember(`${address}#${anchor}`, schema);
      }
    }
    if (typeof entry.value !== "object" || entry.value === null) continue;
    for (const child of Object.values(entry.value)) {
      if (typeof child === "object" && child !== null && queue.length < MAX_SEARCHED)
        queue.push({ value: child, address });
    }
  }
  return names;
}
