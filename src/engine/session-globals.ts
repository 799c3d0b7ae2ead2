// What crosses here: globals of sessions as the store gives them back. What can't be read is not used.

import { decodeBase64, encodeBase64 } from "../base/base64.ts";
import { messageOf } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import type { ContextValue } from "../context/session-context.ts";
import { parseStored } from "../context/stored-json.ts";
import type { Language } from "../protocol/guest-protocol.ts";
import { type KeptGlobals, parseKeptGlobals } from "../protocol/kept-globals.ts";
import type { RunOutcome, Sandbox, SandboxRunOptions, SandboxTraits } from "../sandbox/sandbox.ts";
import type { OpenArea } from "./open-area.ts";
import type { RunScope } from "./run-scope.ts";

/** Lets the programs of a session that keeps globals begin with what the one before left. */
export interface SessionGlobals {
  /** Runs a program, or goes on with one, in this sandbox. Of two at one time the last that ends leaves its globals. */
  around(
    scope: RunScope,
    sandbox: Sandbox,
    language: Language,
    run: (options: SandboxRunOptions) => Promise<RunOutcome>,
  ): Promise<RunOutcome>;
}

export function createSessionGlobals(openArea: OpenArea): SessionGlobals {
  return {
    async around(scope, { traits }, language, run) {
      if (!scope.keepsGlobals) return run({});
      const warn = (text: string): void => scope.broker.log([{ level: "warn", text }]);
      if (!traits.keepsGlobals) {
        warn(`The sandbox ${traits.name} keeps no globals: the program begins and ends without.`);
        return run({});
      }
      const area = openArea(scope.session, "globals");
      const key = keyOf(traits, language);
      const stored = await area.get(key);
      const before = stored === undefined ? undefined : parse(stored);
      if (stored !== undefined && before === undefined)
        warn("The program begins without the session's globals: they can't be read.");
      // Whatever they hold, the program may have seen, and may leave.
      if (before !== undefined) await scope.policy.reads();
      const outcome = await run({ globals: before === undefined ? {} : { before } });
      const { globals } = outcome;
      try {
        if (globals !== undefined) {
          await scope.policy.writes();
          await area.set(key, format(globals));
        } else if (outcome.status === "stopped" && outcome.reason === "crashed" && before !== undefined) {
          // Nobody could repair them from inside.
          await area.delete(key);
          warn("The session's globals were dropped: the program crashed with them.");
        }
      } catch (error) {
        warn(`The session's globals stay as they were before this program: ${messageOf(error)}`);
      }
      return outcome;
    },
  };
}

/** Where a sandbox has engines of both languages, each finds its own. */
function keyOf({ name, languages }: SandboxTraits, language: Language): string {
  return language === "python" && languages.includes("javascript") ? `${name}-python` : name;
}

function format(globals: KeptGlobals): string {
  return JSON.stringify({ ...globals, snapshot: encodeBase64(globals.snapshot) });
}

function parse(value: ContextValue): KeptGlobals | undefined {
  const fields = parseStored(value);
  if (!isJsonObject(fields) || typeof fields.snapshot !== "string") return undefined;
  try {
    return parseKeptGlobals({ ...fields, snapshot: decodeBase64(fields.snapshot) });
  } catch {
    return undefined;
  }
}
