import type { Engine } from "../../engine/engine.ts";
import type { ProgramInput } from "../../engine/program-input.ts";
import type { Decisions } from "../../engine/resumer.ts";
import type { RunOptions } from "../../engine/run-scope.ts";
import type { HostRun, Runs } from "../runs.ts";
import { formatOf, respondWithEvents } from "./event-response.ts";
import type { Handlers } from "./host-request.ts";
import { createSchemaParser } from "./json-body.ts";
import { RESUME_REQUEST, RUN_REQUEST } from "./schemas.ts";

interface RunRequest
  extends ProgramInput,
    Pick<RunOptions, "session" | "sandbox" | "limits" | "maxTokens" | "tools" | "durable"> {
  readonly detach?: boolean;
}

interface ResumeRequest {
  readonly decisions: Decisions;
  readonly detach?: boolean;
}

export interface RunRoutesOptions {
  readonly runs: Runs;
  readonly engineOf: (tenant: string | undefined) => Engine;
}

/** How long cancelling waits for the end. Milliseconds. */
const CANCEL_WAIT_MS = 5_000;

export function createRunRoutes({
  runs,
  engineOf,
}: RunRoutesOptions): Handlers<"startRun" | "resumeRun" | "getRun" | "cancelRun"> {
  const parseRequest = createSchemaParser<RunRequest>(RUN_REQUEST, "The run");
  const parseResume = createSchemaParser<ResumeRequest>(RESUME_REQUEST, "The request");
  return {
    async startRun({ request, tenant, body }) {
      const { code, language, inputs, detach = false, ...options } = parseRequest(body);
      const program = {
        code,
        ...(language === undefined ? {} : { language }),
        ...(inputs === undefined ? {} : { inputs }),
      };
      const { runner } = engineOf(tenant);
      return respondToCaller(
        request,
        await runs.start(tenant, (own) => runner.run(program, { ...options, ...own })),
        detach,
      );
    },

    async resumeRun({ request, params, tenant, body }) {
      const { decisions, detach = false } = parseResume(body);
      const { resumer } = engineOf(tenant);
      const token = params["token"] ?? "";
      const run = await runs.start(tenant, (own) => resumer.resume(token, decisions, own));
      return respondToCaller(request, run, detach);
    },

    getRun({ request, params, tenant }) {
      const run = runs.require(tenant, params["id"] ?? "");
      const format = formatOf(request.headers, "json");
      if (format === "json") return respondWithRun(run);
      const after = Number(request.headers.get("last-event-id") ?? 0);
      return respondWithEvents(run, { format, after: Number.isSafeInteger(after) && after > 0 ? after : 0 });
    },

    async cancelRun({ params, tenant }) {
      const run = runs.require(tenant, params["id"] ?? "");
      run.cancel();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CANCEL_WAIT_MS);
      });
      await Promise.race([run.ended, late]);
      clearTimeout(timer);
      return respondWithRun(run);
    },
  };
}

/** The run as its caller wants it: who leaves ends it, unless it is detached. */
async function respondToCaller(request: Request, run: HostRun, detach: boolean): Promise<Response> {
  if (detach) return Response.json({ runId: run.runId, session: run.session });
  const format = formatOf(request.headers, "ndjson");
  if (format !== "json") {
    return respondWithEvents(run, { format, after: 0, onLeft: () => run.cancel() });
  }
  request.signal.addEventListener("abort", () => run.cancel());
  if (request.signal.aborted) run.cancel();
  await run.ended;
  const end = JSON.parse(run.events.kept.at(-1)?.json ?? "{}");
  if (end.type === "result") return Response.json(end.result);
  return Response.json({ error: end.error }, { status: end.error?.code ?? 500 });
}

/** The events are JSON already: they are not read and written again. */
function respondWithRun({ runId, session, startedAt, events }: HostRun): Response {
  const state = events.ended ? "ended" : "running";
  const facts = JSON.stringify({ runId, session, state, startedAt });
  const list = events.kept.map(({ json }) => json).join(",");
  return new Response(`${facts.slice(0, -1)},"events":[${list}]}`, {
    headers: { "content-type": "application/json" },
  });
}
