import type { TokenCounter } from "../base/tokens.ts";
import type { CatalogTool } from "./catalog-tool.ts";
import type { FindObserved, ObservedShape } from "./observed-shapes.ts";
import type { SignatureLanguage } from "./outside-text.ts";
import { shapeOf } from "./schema-shape.ts";
import { UNKNOWN } from "./shape.ts";
import { argumentsOf, SIGNATURE_DETAILS, type ToolShapes } from "./signature-detail.ts";
import { pythonMember, pythonNamespace } from "./signature-python.ts";
import { typescriptMember, typescriptNamespace } from "./signature-typescript.ts";
import { markOf } from "./tool-mark.ts";

/** In which language, and in how many tokens, tools are described. */
export interface DescribeOptions {
  readonly language: SignatureLanguage;
  /** Most tokens of the whole text; `Infinity` for no limit. */
  readonly maxTokens: number;
  readonly countTokens: TokenCounter;
  /** What tools without an output schema returned so far. Default: nothing is known of them. */
  readonly findObserved?: FindObserved;
}

/** Signatures of tools: a text that parses in its language. */
export interface Description {
  readonly text: string;
  /** Tokens of `text`, never more than `maxTokens`. */
  readonly tokens: number;
  /** Refs of the tools whose required parameters found no room: shown by name only, or not at all. */
  readonly omitted: readonly string[];
}

/** Assembled texts are counted at most this often before the answer is an empty text. */
const MAX_ROUNDS = 10;
/** Texts with more characters than this for each token of the budget are not counted: they cannot fit. */
const MAX_CHARS_PER_TOKEN = 12;

/**
 * Describes tools as signatures within one token budget, shared evenly: every tool is shown as fully
 * as its share allows, and what is left out is said in a comment. Rejects only when `countTokens` does.
 */
export async function describeTools(
  tools: readonly CatalogTool[],
  options: DescribeOptions,
): Promise<Description> {
  const { language, maxTokens, countTokens, findObserved } = options;
  const unique = [...new Map(tools.map((tool) => [tool.ref, tool])).values()];
  const candidates = unique.map((tool) => renderingsOf(tool, language, findObserved?.(tool)));
  const fullest = assemble(
    candidates.map(([first]) => first),
    language,
  );
  if (fullest.length <= maxTokens * MAX_CHARS_PER_TOKEN) {
    const [tokens = 0] = await countTokens([fullest]);
    if (tokens <= maxTokens) return { text: fullest, tokens, omitted: [] };
  }
  const counted = await countRenderings(candidates, language, options);
  let target = maxTokens;
  for (let round = 0; round < MAX_ROUNDS && target > 0; round++) {
    const chosen = chooseRenderings(counted, target);
    const text = assemble(chosen, language);
    const omitted = unique
      .filter((tool) => !chosen.some((rendering) => rendering?.tool === tool && rendering.complete))
      .map((tool) => tool.ref);
    const [tokens = 0] = await countTokens([text]);
    if (tokens <= maxTokens) return { text, tokens, omitted };
    target -= tokens - maxTokens + 1;
  }
  return { text: "", tokens: 0, omitted: unique.map((tool) => tool.ref) };
}

interface Rendering {
  readonly tool: CatalogTool;
  readonly member: string;
  /** Whether all required parameters are in it. */
  readonly complete: boolean;
}

interface CountedRendering extends Rendering {
  readonly tokens: number;
  /** What the namespace around it costs when no other tool of it is shown. */
  readonly wrapTokens: number;
}

function renderingsOf(
  tool: CatalogTool,
  language: SignatureLanguage,
  observed: ObservedShape | undefined,
): readonly Rendering[] {
  const write = language === "python" ? pythonMember : typescriptMember;
  const { outputSchema } = tool.definition;
  const shapes: ToolShapes = {
    identifier: tool.identifier,
    description: textOf(tool.definition.description) ?? textOf(tool.definition.title),
    mark: markOf(tool),
    input: argumentsOf(shapeOf(tool.definition.inputSchema)),
    output: outputSchema === undefined ? (observed?.shape ?? UNKNOWN) : shapeOf(outputSchema),
    observed: outputSchema === undefined ? (observed?.results ?? 0) : 0,
  };
  const seen = new Map<string, Rendering>();
  for (const detail of SIGNATURE_DETAILS) {
    const member = write(shapes, detail);
    const complete = detail.required || !shapes.input.fields.some((field) => field.required);
    if (!seen.has(member)) seen.set(member, { tool, member, complete });
  }
  return [...seen.values()];
}

function textOf(text: unknown): string | undefined {
  return typeof text === "string" && text.trim() !== "" ? text : undefined;
}

function assemble(chosen: readonly (Rendering | undefined)[], language: SignatureLanguage): string {
  const groups = new Map<string, string[]>();
  for (const rendering of chosen) {
    if (rendering === undefined) continue;
    const { namespace } = rendering.tool;
    const members = groups.get(namespace);
    if (members === undefined) groups.set(namespace, [rendering.member]);
    else members.push(rendering.member);
  }
  const wrap = language === "python" ? pythonNamespace : typescriptNamespace;
  return [...groups].map(([namespace, members]) => wrap(namespace, members)).join("\n");
}

/** Counts every rendering that may fit, all in one call; a fuller one that costs no more replaces a poorer one. */
async function countRenderings(
  candidates: readonly (readonly Rendering[])[],
  language: SignatureLanguage,
  { maxTokens, countTokens }: DescribeOptions,
): Promise<readonly (readonly CountedRendering[])[]> {
  const wrap = language === "python" ? pythonNamespace : typescriptNamespace;
  const possible = candidates.map((list) =>
    list.filter(({ member }) => member.length <= maxTokens * MAX_CHARS_PER_TOKEN),
  );
  const texts = possible.flatMap((list) => list.map(({ member }) => `${member}\n`));
  const namespaces = [
    ...new Set(candidates.flatMap((list) => list.slice(0, 1).map(({ tool }) => tool.namespace))),
  ];
  const counts = await countTokens([...texts, ...namespaces.map((namespace) => wrap(namespace, []))]);
  const wrapTokens = new Map(namespaces.map((namespace, at) => [namespace, counts[texts.length + at] ?? 0]));
  let next = 0;
  return possible.map((list) => {
    const counted = list.map((rendering) => {
      const tokens = counts[next] ?? 0;
      next += 1;
      return { ...rendering, tokens, wrapTokens: wrapTokens.get(rendering.tool.namespace) ?? 0 };
    });
    const smallestFirst = counted.reverse();
    return smallestFirst.filter(
      (rendering, at) => !smallestFirst.slice(at + 1).some((fuller) => fuller.tokens <= rendering.tokens),
    );
  });
}

/**
 * One rendering a tool within `target` tokens: first the smallest for everyone, in order; then
 * whoever has least is raised one step at a time, until nothing more fits.
 */
function chooseRenderings(
  counted: readonly (readonly CountedRendering[])[],
  target: number,
): readonly (CountedRendering | undefined)[] {
  const open = new Set<string>();
  let left = target;
  const levels = counted.map((list): number => {
    const [smallest] = list;
    if (smallest === undefined) return -1;
    const cost = smallest.tokens + (open.has(smallest.tool.namespace) ? 0 : smallest.wrapTokens);
    if (cost > left) return -1;
    open.add(smallest.tool.namespace);
    left -= cost;
    return 0;
  });
  const growing = new Set(levels.flatMap((level, at) => (level === 0 ? [at] : [])));
  while (growing.size > 0) {
    const poorest = [...growing].reduce((a, b) =>
      tokensAt(counted, a, levels) <= tokensAt(counted, b, levels) ? a : b,
    );
    const level = (levels[poorest] ?? 0) + 1;
    const step =
      (counted[poorest]?.[level]?.tokens ?? Number.POSITIVE_INFINITY) - tokensAt(counted, poorest, levels);
    if (step > left) growing.delete(poorest);
    else {
      levels[poorest] = level;
      left -= step;
    }
  }
  return counted.map((list, at) => list[levels[at] ?? -1]);
}

function tokensAt(
  counted: readonly (readonly CountedRendering[])[],
  at: number,
  levels: readonly number[],
): number {
  return counted[at]?.[levels[at] ?? 0]?.tokens ?? 0;
}
