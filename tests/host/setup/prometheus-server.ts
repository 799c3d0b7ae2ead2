import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { findFreePort } from "../../../demo/servers/loopback.ts";
import { startProcess } from "../../drivers/own-process.ts";
import { untilAnswers } from "./until-answers.ts";

/** A real server that keeps metrics and answers PromQL. */
export interface MetricsServer extends AsyncDisposable {
  readonly url: string;
  /** The sum of what an expression gives; `undefined` for no sample. */
  query(expression: string): Promise<number | undefined>;
}

/** Prometheus, which asks `target` for its metrics each second. */
export async function startPrometheus(
  program: string,
  target: { readonly url: string; readonly token: string },
): Promise<MetricsServer> {
  const folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-prometheus-"));
  const config = path.join(folder, "prometheus.yml");
  const job = {
    job_name: "host",
    scrape_interval: "1s",
    authorization: { credentials: target.token },
    static_configs: [{ targets: [new URL(target.url).host] }],
  };
  // JSON is YAML.
  await writeFile(config, JSON.stringify({ scrape_configs: [job] }));
  const port = await findFreePort();
  return startServer(program, folder, `http://127.0.0.1:${port}`, "/-/ready", [
    `--config.file=${config}`,
    `--storage.tsdb.path=${path.join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
}

/** VictoriaMetrics, which takes metrics by OTLP. */
export async function startVictoriaMetrics(program: string): Promise<MetricsServer> {
  const folder = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-victoria-"));
  const port = await findFreePort();
  return startServer(program, folder, `http://127.0.0.1:${port}`, "/health", [
    `-httpListenAddr=127.0.0.1:${port}`,
    `-storageDataPath=${folder}`,
    "-search.latencyOffset=0s",
    // Names as Prometheus has them.
    "-opentelemetry.usePrometheusNaming",
  ]);
}

async function startServer(
  program: string,
  folder: string,
  url: string,
  health: string,
  args: readonly string[],
): Promise<MetricsServer> {
  const running = startProcess(program, args);
  await untilAnswers(program, running.ended, () =>
    fetch(url + health).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  return {
    url,
    async query(expression) {
      const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(`sum(${expression})`)}`);
      const { data } = await response.json();
      const value = data?.result?.[0]?.value?.[1];
      return value === undefined ? undefined : Number(value);
    },
    async [Symbol.asyncDispose]() {
      running.signal("SIGKILL");
      await running[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
