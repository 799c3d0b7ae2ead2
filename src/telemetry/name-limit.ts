/** Stands for all names past a limit, and for those that are not known. */
export const OTHER = "other";

/** Lets the first `max` names through and makes `other` of all further ones: no label of a metric grows without end. */
export function createNameLimit(max: number): (name: string | undefined) => string {
  const known = new Set<string>();
  return (name) => {
    if (name === undefined || known.has(name)) return name ?? OTHER;
    if (known.size >= max) return OTHER;
    known.add(name);
    return name;
  };
}

/** Different intents, and different tools, that metrics tell apart. */
export const MAX_NAMES = 200;
