import { OptimizerError } from "../base/errors.ts";
import type { Flags } from "./flags.ts";
import type { IntentInfo } from "./intent-registry.ts";

/** How an intent is carried out: its tool is called, or a program runs. */
export type Way = "mcp" | "code";

/** Which way a request went, and why. */
export interface Route {
  readonly way: Way;
  /** A sentence for people and models. */
  readonly why: string;
  /** Present when it went the other way first: why that failed. */
  readonly after?: { readonly way: Way; readonly kind: string; readonly message: string };
}

/** What a way is expected to cost its caller's model. Tokens. */
export interface Estimate {
  /** All of it. */
  readonly tokens: number;
  /** The tool's definition, where the caller has to know it for this way alone. */
  readonly definition: number;
  /** The whole value, before it is cut. */
  readonly result: number;
  /** Requests that `result` was learned from. 0: only from what other requests got of the same tool. */
  readonly samples: number;
}

/** Expected tokens of each way that a request can go. */
export type Estimates = Readonly<Record<Way, Estimate | undefined>>;

/** Chooses the way of an intent. Throws 400 when the flags leave none. */
export function chooseRoute(
  { name, tool, program, complexity }: IntentInfo,
  { executionMode, enableSandbox }: Flags,
  estimates: Estimates,
): Route {
  if (executionMode === "mcp_only" || !enableSandbox) {
    const flag = executionMode === "mcp_only" ? 'executionMode is "mcp_only"' : "enableSandbox is false";
    if (tool !== undefined) return { way: "mcp", why: `flags.${flag}.` };
    throw new OptimizerError(`The intent ${name} has a program only, and flags.${flag}.`, {
      code: 400,
      kind: "code_execution_off",
      hint: "Give the intent a tool, or change the flag.",
    });
  }
  if (executionMode === "code_execution")
    return { way: "code", why: 'flags.executionMode is "code_execution".' };
  if (tool === undefined) return { way: "code", why: "The intent has no tool." };
  if (complexity === "complex") return { way: "code", why: "The intent is complex." };
  if (complexity === "simple") return { way: "mcp", why: "The intent is simple." };
  if (!program) return { way: "mcp", why: "The intent has no program." };
  return chooseCheaper(estimates);
}

function chooseCheaper({ mcp, code }: Estimates): Route {
  if (mcp === undefined) return { way: "mcp", why: "Nothing is known of what either way costs." };
  if (code === undefined) {
    return {
      way: "code",
      why: `The tool costs about ${mcp.tokens} tokens; of the program nothing is known.`,
    };
  }
  const of = mcp.definition === 0 ? "" : ` (${mcp.definition} of them its definition)`;
  const why = `About ${mcp.tokens} tokens by the tool${of}, ${code.tokens} by the program.`;
  return { way: code.tokens < mcp.tokens ? "code" : "mcp", why };
}
