import { OptimizerError } from "../base/errors.ts";
import { PAGE_NAMESPACE } from "./catalog.ts";
import type { CatalogTool } from "./catalog-tool.ts";

/** Whether a tool may be called: without a word, after somebody said yes, or never. */
export type Grant = "allow" | "ask" | "deny";

/** What a tool's answers are, and what its calls do with what they are given. */
export interface ToolLabels {
  /** Its answers are private, or written by anybody: a run that has seen one is tainted. */
  readonly source?: "private" | "untrusted";
  /** What it is given leaves the house: a tainted run asks before it calls one. */
  readonly sink?: boolean;
}

/** Why somebody has to decide about a call. */
export type AskReason = "grant" | "destructive" | "open_world" | "unannotated" | "changed" | "tainted";

/** A grant and where it comes from. */
export interface Granted {
  readonly grant: Grant;
  readonly reason: AskReason;
}

/** Who may call what, and what answers are to be kept from whom. */
export interface GrantOptions {
  /** By ref, `<server>.*` or `*`; the most exact one counts. */
  readonly grants?: Readonly<Record<string, Grant>>;
  /** Grant of a server's tool that says nothing of what it does. Default `allow`. */
  readonly unannotated?: Grant;
  /** By ref, `<server>.*` or `*`; the most exact one counts. */
  readonly labels?: Readonly<Record<string, ToolLabels>>;
}

const GRANTS: ReadonlySet<unknown> = new Set<Grant>(["allow", "ask", "deny"]);

/** Throws 400 for grants that make no sense: a word that was misspelt must not allow anything. */
export function requireGrants({ grants = {}, unannotated = "allow", labels = {} }: GrantOptions): void {
  const wrong = (what: string, hint: string): OptimizerError =>
    new OptimizerError(`The policy has ${what}.`, { code: 400, kind: "invalid_policy", hint });
  for (const [name, grant] of [...Object.entries(grants), ["unannotated", unannotated] as const]) {
    if (!GRANTS.has(grant))
      throw wrong(`the grant ${String(grant)} for ${name}`, "Write allow, ask or deny.");
  }
  for (const name of [...Object.keys(grants), ...Object.keys(labels)]) {
    if (name !== "*" && !/^[^.]+\..+$/.test(name))
      throw wrong(
        `a rule for ${name}`,
        "Name a tool as <server>.<tool>, all of a server as <server>.*, or *.",
      );
  }
  for (const [name, { source, sink }] of Object.entries(labels)) {
    const isKnown = source === undefined || source === "private" || source === "untrusted";
    if (!isKnown || (sink !== undefined && typeof sink !== "boolean"))
      throw wrong(
        `labels for ${name} that do not exist`,
        'Write source: "private" or "untrusted", sink: true.',
      );
  }
}

/**
 * The grant of a tool: the embedder's rule, else what the tool says of itself. Reading is allowed; what
 * destroys, or reaches the world outside, asks. The page's own tools are allowed.
 */
export function grantOf(tool: CatalogTool, { grants = {}, unannotated = "allow" }: GrantOptions): Granted {
  const rule = ruleFor(tool, grants);
  if (rule !== undefined) return { grant: rule, reason: "grant" };
  const { annotations } = tool.definition;
  if (annotations?.readOnlyHint === true) return { grant: "allow", reason: "grant" };
  if (annotations?.destructiveHint === true) return { grant: "ask", reason: "destructive" };
  if (annotations?.openWorldHint === true) return { grant: "ask", reason: "open_world" };
  if (tool.namespace === PAGE_NAMESPACE || annotations?.destructiveHint === false)
    return { grant: "allow", reason: "grant" };
  return { grant: unannotated, reason: "unannotated" };
}

/** The most exact rule for a tool: its ref or original name, its server, all. */
export function ruleFor<T>(tool: CatalogTool, rules: Readonly<Record<string, T>>): T | undefined {
  const { ref, namespace, source, definition } = tool;
  const names = [ref, `${source.id}.${definition.name}`, `${namespace}.*`, `${source.id}.*`, "*"];
  const name = names.find((one) => Object.hasOwn(rules, one));
  return name === undefined ? undefined : rules[name];
}
