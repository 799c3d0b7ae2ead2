// What crosses here: a guest's wish to call a tool, and what its server says of the tool. Both may lie.
// The embedder's rules count first; whatever cannot be decided is not called.

import { canonicalJson } from "../base/canonical-json.ts";
import { messageOf, OptimizerError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { type ApprovalRequest, type Decision, type Pin, pinOf } from "./approval.ts";
import type { Catalog } from "./catalog.ts";
import type { CatalogTool } from "./catalog-tool.ts";
import {
  type AskReason,
  type Grant,
  type GrantOptions,
  grantOf,
  requireGrants,
  ruleFor,
  type ToolLabels,
} from "./grant.ts";
import { shadowedBy } from "./shadowing.ts";

/** Which tools programs may call, and who is asked. */
export interface PolicyOptions extends GrantOptions {
  /** Asked about each call that needs a word. Absent: the run is suspended, where its sandbox can do that. */
  readonly onApproval?: (
    request: ApprovalRequest,
    options: { readonly signal: AbortSignal },
  ) => Promise<Decision> | Decision;
}

/** What a policy keeps beyond a run. */
export interface PolicyMemory {
  pin(ref: string): Promise<Pin | undefined>;
  setPin(ref: string, pin: Pin): Promise<void>;
  /** Tools whose private or untrusted answers may lie in the session's context. */
  taint(session: string): Promise<readonly string[]>;
  addTaint(session: string, tools: readonly string[]): Promise<void>;
}

/** A call may go, must not, or waits for somebody. */
export type Verdict =
  | { readonly verdict: "allow" }
  | { readonly verdict: "deny"; readonly error: OptimizerError }
  | { readonly verdict: "ask"; readonly request: ApprovalRequest };

/** The policy for one run. */
export interface RunPolicy {
  /** Tools that tainted the run so far. */
  readonly taint: readonly string[];
  /** Calls that somebody allowed in this run. */
  readonly approvals: number;
  check(tool: CatalogTool, args: JsonObject, call: number, signal: AbortSignal): Promise<Verdict>;
  /** The program got an answer of this tool. */
  seen(tool: CatalogTool): void;
  /** The program reads, or writes, what outlives the run. */
  reads(): Promise<void>;
  writes(): Promise<void>;
}

export interface RunPolicyOptions {
  readonly runId: string;
  readonly session: string;
  /** Taint that the run brings along, when it was suspended. */
  readonly taint?: readonly string[];
  /** Refs of the only tools that the run may call. Absent: all that the rules allow. */
  readonly only?: ReadonlySet<string>;
  /** Decisions about calls by their number, made while the run was suspended. */
  readonly decisions?: ReadonlyMap<number, MadeDecision>;
  /** Hears of each decision that somebody made about a call. */
  readonly onDecision?: (decision: DecidedCall) => void;
}

/** A call that somebody allowed or refused. */
export interface DecidedCall {
  readonly call: number;
  readonly tool: string;
  readonly allowed: boolean;
  /** The same definition needs no word again. */
  readonly remember: boolean;
  readonly definitionSha256: string;
}

/** A decision, and the call that somebody was shown. */
export interface MadeDecision {
  readonly decision: Decision;
  readonly request: Pick<ApprovalRequest, "tool" | "args" | "definitionSha256">;
}

/** What is allowed of a tool, and why. */
export interface GrantExplanation {
  readonly grant: Grant;
  readonly reason: AskReason;
  readonly labels: ToolLabels;
  readonly warnings: readonly string[];
}

/** The rules that an engine asks before each call. */
export interface Policy {
  open(run: RunPolicyOptions): RunPolicy;
  /** The grant of a tool and why it has it; for people. */
  explain(tool: CatalogTool): GrantExplanation;
}

/** Throws 400 for rules that make no sense. */
export function createPolicy(options: PolicyOptions, catalog: Catalog, memory: PolicyMemory): Policy {
  requireGrants(options);
  const { labels = {}, onApproval } = options;
  const labelsOf = (tool: CatalogTool): ToolLabels => ruleFor(tool, labels) ?? {};

  return {
    explain: (tool) => ({
      ...grantOf(tool, options),
      labels: labelsOf(tool),
      warnings: shadowedBy(tool, catalog),
    }),

    open({ runId, session, taint: initial = [], only, decisions = new Map(), onDecision }) {
      const taint = new Set(initial);
      let approvals = 0;

      const requestFor = (
        tool: CatalogTool,
        args: JsonObject,
        call: number,
        reason: AskReason,
        pin: Pin,
        before: Pin | undefined,
      ): ApprovalRequest => ({
        id: `${runId}.${call}`,
        runId,
        session,
        call,
        tool: tool.ref,
        args,
        reason,
        message: sentence(tool, reason, [...taint]),
        definitionSha256: pin.sha256,
        ...(before === undefined ? {} : { change: { before: before.definition, after: pin.definition } }),
        ...(taint.size === 0 ? {} : { taint: [...taint] }),
        warnings: shadowedBy(tool, catalog),
      });

      const settle = async (
        tool: CatalogTool,
        call: number,
        decision: Decision,
        pin: Pin,
      ): Promise<Verdict> => {
        // Anything but a clear yes is a no.
        const allowed = decision?.allow === true;
        const remember = allowed && decision.remember === true;
        onDecision?.({ call, tool: tool.ref, allowed, remember, definitionSha256: pin.sha256 });
        if (!allowed) return { verdict: "deny", error: denied(tool, decision?.message) };
        approvals += 1;
        if (remember) await memory.setPin(tool.ref, pin);
        return { verdict: "allow" };
      };

      return {
        get taint() {
          return [...taint];
        },

        get approvals() {
          return approvals;
        },

        async check(tool, args, call, signal) {
          const { grant, reason } = grantOf(tool, options);
          if (only !== undefined && !only.has(tool.ref)) return { verdict: "deny", error: outside(tool) };
          if (grant === "deny") return { verdict: "deny", error: forbidden(tool) };
          const isLeak = taint.size > 0 && labelsOf(tool).sink === true;
          if (grant === "allow" && !isLeak) return { verdict: "allow" };
          const [pin, approved] = await Promise.all([pinOf(tool), memory.pin(tool.ref)]);
          const decided = decisions.get(call);
          if (decided !== undefined && isAbout(decided, tool, args, pin))
            return settle(tool, call, decided.decision, pin);
          const isApproved = approved?.sha256 === pin.sha256;
          if (isApproved && !isLeak) return { verdict: "allow" };
          const hasChanged = approved !== undefined && !isApproved;
          const why = isLeak ? "tainted" : hasChanged ? "changed" : reason;
          const before = hasChanged ? approved : undefined;
          const request = requestFor(tool, args, call, why, pin, before);
          if (onApproval === undefined) return { verdict: "ask", request };
          try {
            return await settle(tool, call, await onApproval(request, { signal }), pin);
          } catch (error) {
            if (signal.aborted) throw error;
            const message = `The approval failed: ${messageOf(error)}`;
            return { verdict: "deny", error: denied(tool, message) };
          }
        },

        seen(tool) {
          if (labelsOf(tool).source !== undefined) taint.add(tool.ref);
        },

        async reads() {
          for (const tool of await memory.taint(session)) taint.add(tool);
        },

        async writes() {
          if (taint.size > 0) await memory.addTaint(session, [...taint]);
        },
      };
    },
  };
}

/** Whether this call is the one that was decided: of this tool as it was shown, with the arguments that were shown. */
function isAbout({ request }: MadeDecision, tool: CatalogTool, args: JsonObject, pin: Pin): boolean {
  return (
    request.definitionSha256 === pin.sha256 &&
    request.tool === tool.ref &&
    canonicalJson(request.args) === canonicalJson(args)
  );
}

function sentence({ ref }: CatalogTool, reason: AskReason, taint: readonly string[]): string {
  switch (reason) {
    case "grant":
      return `The policy asks about ${ref}.`;
    case "destructive":
      return `${ref} may change or delete what is there.`;
    case "open_world":
      return `${ref} reaches beyond its server.`;
    case "unannotated":
      return `${ref} does not say what it does.`;
    case "changed":
      return `${ref} was approved before, and is defined in another way now.`;
    case "tainted":
      return `${ref} sends data out, and the program has seen answers of ${taint.join(", ")}.`;
    default:
      return reason satisfies never;
  }
}

function forbidden({ ref }: CatalogTool): OptimizerError {
  return new OptimizerError(`The policy forbids ${ref}.`, {
    code: 403,
    kind: "forbidden",
    hint: "Do without this tool.",
  });
}

function outside({ ref }: CatalogTool): OptimizerError {
  return new OptimizerError(`The program may not call ${ref}.`, {
    code: 403,
    kind: "forbidden",
    hint: "It was started, or saved, with a list of the tools that it may call.",
  });
}

function denied({ ref }: CatalogTool, message: string | undefined): OptimizerError {
  return new OptimizerError(
    typeof message === "string" && message !== ""
      ? `The call of ${ref} was denied: ${message.slice(0, 500)}`
      : `The call of ${ref} was denied.`,
    { code: 403, kind: "denied", hint: "Do not call it again in the same way: ask what is wanted instead." },
  );
}
