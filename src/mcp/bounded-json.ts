/** How large a value from outside may be before it is refused. */
export interface JsonBounds {
  /** Nesting of objects and arrays. */
  readonly maxDepth: number;
  /** Every value counts one, keys included. */
  readonly maxNodes: number;
  /** UTF-16 units of all strings and keys together. */
  readonly maxChars: number;
}

/**
 * True when a value is plain JSON data within the bounds.
 *
 * It walks without recursion and stops at the first excess, so a hostile value costs no more than
 * the bounds; a cycle ends at `maxDepth`.
 */
export function isBoundedJson(root: unknown, bounds: JsonBounds): boolean {
  const stack: { readonly value: unknown; readonly depth: number }[] = [{ value: root, depth: 0 }];
  let nodes = 0;
  let chars = 0;
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const { value, depth } = item;
    nodes += 1;
    if (nodes > bounds.maxNodes || depth > bounds.maxDepth) return false;
    if (typeof value === "string") {
      chars += value.length;
      if (chars > bounds.maxChars) return false;
    } else if (Array.isArray(value)) {
      if (nodes + value.length > bounds.maxNodes) return false;
      for (const element of value) stack.push({ value: element, depth: depth + 1 });
    } else if (typeof value === "object" && value !== null) {
      for (const [key, child] of Object.entries(value)) {
        nodes += 1;
        chars += key.length;
        stack.push({ value: child, depth: depth + 1 });
      }
      if (nodes > bounds.maxNodes || chars > bounds.maxChars) return false;
    } else if (value !== null && typeof value !== "boolean" && typeof value !== "number") {
      return false;
    }
  }
  return true;
}
