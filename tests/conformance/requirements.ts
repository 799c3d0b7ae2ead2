/** The scenarios that one revision of the specification requires. */
export interface RequirementSet {
  readonly server: readonly string[];
  readonly client: readonly string[];
}

/**
 * Reads what `conformance list --requirements …` prints: the sets by revision.
 *
 * What is run but not scored (extensions, scenarios younger than the revision) belongs to none.
 */
export function parseRequirements(text: string): ReadonlyMap<string, RequirementSet> {
  const sets = new Map<string, { server: string[]; client: string[] }>();
  let part: string[] | undefined;
  let set: { server: string[]; client: string[] } | undefined;
  for (const line of text.split("\n")) {
    const revision = /^Required for (\S+)/.exec(line)?.[1];
    const scenario = /^ {2}- (\S+)$/.exec(line)?.[1];
    if (revision !== undefined) {
      set = { server: [], client: [] };
      sets.set(revision, set);
      part = undefined;
    } else if (scenario !== undefined) part?.push(scenario);
    else if (line.startsWith("Server scenarios")) part = set?.server;
    else if (line.startsWith("Client scenarios")) part = set?.client;
    else if (line.trim() !== "") part = undefined;
  }
  return sets;
}
