import { findOptimizerError, OptimizerError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { ArgumentChecker } from "../tools/arguments.ts";
import { requireTool } from "../tools/broker.ts";
import type { Catalog, CatalogTool, SearchHit } from "../tools/catalog.ts";
import { cleanLine } from "../tools/outside-text.ts";
import { createSearchIndex } from "../tools/search.ts";
import { MAX_LINE_CHARS } from "../tools/search-line.ts";
import type { JsonSchema } from "../tools/tool.ts";
import { type Complexity, defineIntent, type IntentDefinition, paramsSchema, readParams } from "./intent.ts";
import type { ProgramInput } from "./program-input.ts";
import type { Skill } from "./skills.ts";

/** What an intent is, for those who call it. */
export interface IntentInfo {
  readonly name: string;
  readonly description: string;
  /** Where it comes from: the embedding page, a program that was saved, or a tool of a source. */
  readonly kind: "defined" | "skill" | "tool";
  /** Absent: the engine chooses by what each way costs. */
  readonly complexity?: Complexity;
  /** JSON Schema of its parameters. */
  readonly params: JsonSchema;
  /** Ref of the tool that it maps to. */
  readonly tool?: string;
  /** Whether it has a program of its own. */
  readonly program: boolean;
}

/** The intents of an engine: those that were defined, and every tool of the catalog as `<server>.<tool>`. */
export interface Intents {
  /** Throws 400 `invalid_intent`, and `intent_exists` for a name that is taken. */
  define(intent: IntentDefinition): void;
  /** Forgets a defined intent. Those that were saved are deleted by `unsave`. */
  remove(name: string): boolean;
  get(name: string): IntentInfo | undefined;
  /** The defined ones, then the saved ones, then the tools. */
  list(): readonly IntentInfo[];
}

/** An intent with all that its ways need. */
export interface ResolvedIntent {
  readonly info: IntentInfo;
  /** The tool as it is in the catalog now; absent while its server is away. */
  readonly tool: CatalogTool | undefined;
  /** Rejects with 400 `invalid_params`. */
  read(params: JsonObject): Promise<JsonObject>;
  /** Its tool takes the parameters as they are, and nothing else says what they may be: the caller has to know the tool. */
  readonly needsDefinition: boolean;
  /** What its tool is called with. */
  argsFor(params: JsonObject): JsonObject;
  /** The program that does it: its own, or one that calls its tool. */
  programFor(params: JsonObject): ProgramInput;
  /** Refs of the only tools that its program may call. Absent: all. */
  readonly tools?: readonly string[];
}

export interface IntentRegistry {
  readonly intents: Intents;
  /** The intent of a name, or of a tool's bare name where only one server has it. Throws 400 `unknown_intent`. */
  require(name: string): ResolvedIntent;
  /** Throws 400 `intent_exists` for a name that is taken. */
  requireFree(name: string): void;
  /** A defined intent of the same name stays before it. */
  setSkill(skill: Skill): void;
  dropSkill(name: string): void;
  /** Intents that were defined or saved, for words or a sentence, best first. */
  search(query: string, limit: number): readonly SearchHit[];
  onChange(listener: () => void): void;
}

export function createIntentRegistry(
  catalog: Catalog,
  loadChecker: () => Promise<ArgumentChecker>,
  initial: readonly IntentDefinition[],
): IntentRegistry {
  const defined = new Map<string, IntentDefinition>();
  const skills = new Map<string, Skill>();
  const listeners: (() => void)[] = [];

  const requireFree = (name: string): void => {
    if (!defined.has(name) && !skills.has(name)) return;
    throw new OptimizerError(`There is an intent ${name} already.`, {
      code: 400,
      kind: "intent_exists",
      hint: "Choose another name, or remove the other first.",
    });
  };
  const add = (intent: IntentDefinition): void => {
    defineIntent(intent);
    requireFree(intent.name);
    defined.set(intent.name, intent);
  };
  for (const intent of initial) add(intent);
  const changed = (): void => {
    for (const listener of listeners) listener();
  };

  const find = (name: string): ResolvedIntent | undefined => {
    const intent = defined.get(name);
    if (intent !== undefined) return resolveDefined(intent, catalog, loadChecker);
    const skill = skills.get(name);
    if (skill !== undefined) return resolveSkill(skill, catalog, loadChecker);
    const tool = findTool(catalog, name);
    return tool === undefined ? undefined : resolveTool(tool);
  };

  const named = (): readonly IntentInfo[] => [
    ...[...defined.values()].map(infoOfDefined),
    ...[...skills.values()].filter(({ name }) => !defined.has(name)).map(infoOfSkill),
  ];

  return {
    intents: {
      define(intent) {
        add(intent);
        changed();
      },
      remove(name) {
        const removed = defined.delete(name);
        if (removed) changed();
        return removed;
      },
      get: (name) => find(name)?.info,
      list: () => [...named(), ...catalog.tools.map((tool) => infoOfTool(tool))],
    },
    require: (name) => find(name) ?? resolveTool(requireToolIntent(catalog, name)),
    requireFree,
    setSkill(skill) {
      skills.set(skill.name, skill);
      changed();
    },
    dropSkill(name) {
      if (skills.delete(name)) changed();
    },
    search(query, limit) {
      const infos = named();
      const index = createSearchIndex(
        infos.map(({ name, description, params }) => ({
          name,
          server: "",
          serverDescription: undefined,
          description,
          parameters: Object.keys(isJsonObject(params["properties"]) ? params["properties"] : {}).map(
            (field) => ({ name: field, description: undefined }),
          ),
        })),
      );
      return index.find(query, limit).flatMap(({ index: at }) => {
        const info = infos[at];
        return info === undefined ? [] : [hitOf(info)];
      });
    },
    onChange: (listener) => void listeners.push(listener),
  };
}

function hitOf({ name, description, kind }: IntentInfo): SearchHit {
  const line = `${name} (${kind === "skill" ? "saved program" : "intent"}): ${description}`;
  return { ref: name, line: cleanLine(line, MAX_LINE_CHARS), score: 0, available: true };
}

function infoOfDefined(intent: IntentDefinition): IntentInfo {
  const { name, description, complexity, tool, program } = intent;
  const ref = typeof tool === "string" ? tool : tool?.ref;
  return {
    name,
    description,
    kind: "defined",
    ...(complexity === undefined ? {} : { complexity }),
    params: paramsSchema(intent),
    ...(ref === undefined ? {} : { tool: ref }),
    program: program !== undefined,
  };
}

function infoOfTool({ ref, definition }: CatalogTool): IntentInfo {
  return {
    name: ref,
    description: definition.description ?? definition.title ?? "",
    kind: "tool",
    complexity: "simple",
    params: definition.inputSchema ?? { type: "object" },
    tool: ref,
    program: false,
  };
}

function infoOfSkill(skill: Skill): IntentInfo {
  return { ...infoOfDefined(skill), kind: "skill" };
}

function resolveSkill(
  skill: Skill,
  catalog: Catalog,
  loadChecker: () => Promise<ArgumentChecker>,
): ResolvedIntent {
  return {
    ...resolveDefined(skill, catalog, loadChecker),
    info: infoOfSkill(skill),
    tools: skill.tools,
  };
}

function resolveDefined(
  intent: IntentDefinition,
  catalog: Catalog,
  loadChecker: () => Promise<ArgumentChecker>,
): ResolvedIntent {
  const info = infoOfDefined(intent);
  const { tool, program, params } = intent;
  const mapped = typeof tool === "object" && tool.args !== undefined;
  const argsFor = (given: JsonObject): JsonObject =>
    typeof tool === "object" && tool.args !== undefined ? tool.args(given) : given;
  return {
    info,
    tool: info.tool === undefined ? undefined : catalog.find(info.tool),
    read: (given) => readParams(intent, given, loadChecker),
    needsDefinition: params === undefined && !mapped,
    argsFor,
    programFor: (given) =>
      program === undefined
        ? callingProgram(requireTool(catalog, info.tool ?? ""), argsFor(given))
        : { ...program, inputs: given },
  };
}

/** A tool's parameters are its arguments: they are checked where it is called. */
function resolveTool(tool: CatalogTool): ResolvedIntent {
  return {
    info: infoOfTool(tool),
    tool,
    read: async (params) => params,
    // By either way: what the intent says of itself is the tool's definition.
    needsDefinition: false,
    argsFor: (params) => params,
    programFor: (params) => callingProgram(tool, params),
  };
}

/** The name reaches the program as data, like the parameters. */
function callingProgram({ namespace, identifier }: CatalogTool, params: JsonObject): ProgramInput {
  return {
    language: "javascript",
    code: "const [server, tool] = inputs.tool; return await tools[server][tool](inputs.params)",
    inputs: { tool: [namespace, identifier], params },
  };
}

function findTool(catalog: Catalog, name: string): CatalogTool | undefined {
  const bare = catalog.tools.filter(
    ({ identifier, definition }) => identifier === name || definition.name === name,
  );
  return bare.length === 1 ? bare[0] : catalog.find(name);
}

/** Throws what is known of a name that no tool has. */
function requireToolIntent(catalog: Catalog, name: string): CatalogTool {
  try {
    return requireTool(catalog, name);
  } catch (cause) {
    const { kind, hint } = findOptimizerError(cause) ?? {};
    // The tool of a server that is away may well exist.
    if (kind !== "unknown_tool") throw cause;
    throw new OptimizerError(`There is no intent ${name.slice(0, 200)}.`, {
      code: 400,
      kind: "unknown_intent",
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  }
}
