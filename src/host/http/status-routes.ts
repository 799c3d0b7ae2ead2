import type { PrometheusExporter } from "../../telemetry/exporters/prometheus.ts";
import { VERSION } from "../../version.ts";
import type { Admission } from "../admission.ts";
import { hostDrains } from "../admission.ts";
import type { Handlers } from "./host-request.ts";
import { HttpError } from "./http-error.ts";
import { describeApi } from "./openapi.ts";

export interface StatusRoutesOptions {
  readonly admission: Admission;
  /** Absent where the operator wants none to be read here. */
  readonly metrics: PrometheusExporter | undefined;
  /** Names of the sandboxes in use. */
  readonly sandboxes: readonly string[];
}

const WELCOME = `This is an MCP Optimizer host: it runs programs that call MCP tools.

GET /openapi.json describes its API. Every request of it carries the host's token:

  curl -H "authorization: Bearer <token>" -H "content-type: application/json" \\
    -d '{"code":"return 6 * 7"}' <this address>v1/runs
`;

export function createStatusRoutes({
  admission,
  metrics,
  sandboxes,
}: StatusRoutesOptions): Handlers<
  "describeHost" | "getHealth" | "getReadiness" | "getOpenApi" | "getMetrics"
> {
  const description = describeApi();
  return {
    describeHost: () => new Response(WELCOME, { headers: { "content-type": "text/plain; charset=utf-8" } }),
    getHealth: () => Response.json({ status: admission.draining ? "draining" : "ok" }),
    getReadiness() {
      if (admission.draining) throw hostDrains();
      return Response.json({ status: "ok", version: VERSION, sandboxes });
    },
    getOpenApi: () => Response.json(description),
    async getMetrics() {
      if (metrics === undefined) throw metricsOff();
      return new Response((await metrics.write()) + openRuns(admission), {
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
      });
    },
  };
}

function metricsOff(): HttpError {
  return new HttpError("This host shows no metrics.", {
    status: 404,
    code: 400,
    kind: "metrics_off",
    hint: "Its operator has switched them off: telemetry.prometheus in the configuration.",
  });
}

/** Programs of pages, which no engine of the host counts, are among them. */
function openRuns({ openRuns: runs }: Admission): string {
  const name = "mcp_optimizer_open_runs";
  return `# HELP ${name} Runs under way.\n# TYPE ${name} gauge\n${name} ${runs}\n`;
}
