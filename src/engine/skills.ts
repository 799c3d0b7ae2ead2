// What crosses here: saved programs as the store gives them back. They are read field by field; one that
// can't be read is left out and left alone.

import { OptimizerError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { ContextValue } from "../context/session-context.ts";
import { parseStored } from "../context/stored-json.ts";
import type { Program } from "../protocol/guest-protocol.ts";
import { SHARED_SESSION } from "../sessions/session-names.ts";
import type { JsonSchema } from "../tools/tool.ts";
import { defineIntent, type IntentDefinition } from "./intent.ts";
import type { IntentRegistry } from "./intent-registry.ts";
import type { OpenArea } from "./open-area.ts";
import { isLanguage } from "./program-input.ts";
import type { RunResult } from "./run-result.ts";

/** A program that worked, as an intent. It may call the tools that it called then, and no others. */
export interface Skill extends IntentDefinition {
  readonly program: { readonly language: Program["language"]; readonly code: string };
  /** Refs of those tools. */
  readonly tools: readonly string[];
}

/** What a program is saved as. */
export interface SaveOptions {
  readonly name: string;
  /** What it does, for whoever looks for it. Default: its name. */
  readonly description?: string;
  /** JSON Schema of what it finds as `params`. Default: any object. */
  readonly params?: JsonSchema;
}

/** Programs that can be saved, and those that were. */
export interface Skills extends Disposable {
  /** Resolves when those of the store are known, or cannot be. */
  readonly loaded: Promise<void>;
  /** A run that returned can be saved for a while. */
  readonly remember: (result: RunResult, program: Program) => void;
  /** Rejects with 400: `unknown_run`, `invalid_intent`, `intent_exists`; with 429 when there is no room. */
  save(runId: string, options: SaveOptions): Promise<void>;
  /** Deletes one from the store. */
  remove(name: string): Promise<boolean>;
}

/** Runs that can still be saved, the last ones, and the longest program of them. */
const MAX_RUNS = 100;
const MAX_CHARACTERS = 64 * 1024;

export function createSkills(openArea: OpenArea, registry: IntentRegistry): Skills {
  const area = openArea(SHARED_SESSION, "skills");
  const runs = new Map<string, Pick<Skill, "program" | "tools">>();

  const bring = async (name: string): Promise<void> => {
    const skill = parseSkill(await area.get(name).catch(() => undefined));
    if (skill?.name === name) registry.setSkill(skill);
    else registry.dropSkill(name);
  };
  // Others save and delete too, in this tab or another.
  const stop = area.onChange(({ key }) => void bring(key));

  return {
    loaded: area.keys().then(
      async (names) => {
        await Promise.all(names.map(bring));
      },
      () => {},
    ),
    remember({ status, runId, toolCalls }, { language, code }) {
      if (status !== "returned" || code.length > MAX_CHARACTERS) return;
      const names = toolCalls.flatMap(({ name, error }) => (error === undefined ? [name] : []));
      runs.set(runId, { program: { language, code }, tools: [...new Set(names)] });
      const [oldest] = runs.keys();
      if (runs.size > MAX_RUNS && oldest !== undefined) runs.delete(oldest);
    },
    async save(runId, { name, description = name, params }) {
      const run = runs.get(runId);
      if (run === undefined) {
        throw new OptimizerError(`The run ${String(runId).slice(0, 100)} can't be saved.`, {
          code: 400,
          kind: "unknown_run",
          hint: `Only a run that returned can, soon after: the last ${MAX_RUNS} are remembered.`,
        });
      }
      const skill: Skill = { name, description, ...(params === undefined ? {} : { params }), ...run };
      defineIntent(skill);
      registry.requireFree(name);
      await area.set(name, JSON.stringify(skill));
      registry.setSkill(skill);
    },
    async remove(name) {
      registry.dropSkill(name);
      return area.delete(name);
    },
    [Symbol.dispose]: stop,
  };
}

function parseSkill(value: ContextValue | undefined): Skill | undefined {
  const skill = parseStored(value);
  if (!isJsonObject(skill)) return undefined;
  const { name, description, params, program, tools } = skill;
  const { language, code } = isJsonObject(program) ? program : {};
  if (typeof name !== "string" || typeof description !== "string") return undefined;
  if (!isLanguage(language) || typeof code !== "string") return undefined;
  if (!Array.isArray(tools) || (params !== undefined && !isJsonObject(params))) return undefined;
  const read = {
    name,
    description,
    ...(params === undefined ? {} : { params: params satisfies JsonObject }),
    program: { language, code },
    tools: tools.filter((ref) => typeof ref === "string"),
  };
  try {
    defineIntent(read);
    return read;
  } catch {
    return undefined;
  }
}
