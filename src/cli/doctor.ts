import type { HostSandbox, SandboxProbe } from "../host/sandbox/host-sandbox.ts";
import { STRENGTHS } from "../host/sandbox/host-sandbox.ts";
import { VERSION } from "../version.ts";
import type { Command } from "./command.ts";
import type { Config } from "./config.ts";
import { EXIT } from "./exit-codes.ts";
import { openRedis, probeRedis, type RedisProbe, sayRedis } from "./redis-context.ts";
import { withoutUndefined } from "./settings.ts";
import { sayTelemetry, telemetryPlaces } from "./telemetry.ts";
import { resolveTelemetry } from "./telemetry-config.ts";
import { colour, createProgress, table } from "./terminal.ts";

export const doctor: Command = {
  name: "doctor",
  takes: "",
  summary:
    "Tries every sandbox on this machine, and the Redis of the configuration: what can be used, and why not. Says where telemetry goes.",
  flags: { json: { kind: "switch", help: "print what was found as JSON" } },
  async run({ values, config, terminal, env }) {
    const { SANDBOX_NAMES, sandboxCandidates } = await import("../host/sandbox/candidates.ts");
    const { out, err } = terminal;
    const telemetry = resolveTelemetry(config, env);
    const least = STRENGTHS.indexOf(config.leastStrength ?? "language");
    const found: { readonly sandbox: HostSandbox; readonly probe: SandboxProbe }[] = [];
    using progress = createProgress(err);
    for (const candidate of sandboxCandidates(config.sandboxes ?? SANDBOX_NAMES)) {
      await using sandbox = candidate;
      progress.show(`trying ${sandbox.traits.name}`);
      found.push({ sandbox, probe: await sandbox.probe() });
    }
    const redis = await probeConfigured(config.redis, progress);
    progress.clear();
    if (values.get("json") === true) {
      const rows = found.map(({ sandbox, probe }) => ({
        ...sandbox.traits,
        strength: sandbox.strength,
        ...probe,
      }));
      const said = {
        version: VERSION,
        node: process.version,
        sandboxes: rows,
        telemetry: telemetryPlaces(telemetry),
        ...withoutUndefined({ redis }),
      };
      out.write(`${JSON.stringify(said, undefined, 2)}\n`);
    } else {
      const rows = found.map(({ sandbox: { traits, strength }, probe }) => [
        traits.name,
        probe.usable ? probe.strength : strength,
        traits.languages.join(" "),
        probe.usable ? "usable" : "no",
        probe.usable ? "" : `${probe.reason} ${probe.hint}`,
      ]);
      out.write(
        `mcp-optimizer ${VERSION}, Node ${process.versions.node}, ${process.platform} ${process.arch}\n\n`,
      );
      out.write(`${table([["SANDBOX", "STRENGTH", "LANGUAGES", "HERE", "WHY NOT"], ...rows])}\n`);
      if (redis !== undefined) out.write(`\n${sayRedis(redis)}\n`);
      out.write(`\n${sayTelemetry(telemetry)}\n`);
      for (const { sandbox, probe } of found) {
        for (const { wall, held, seen } of probe.walls) {
          if (!held)
            err.write(`${colour(err, "yellow", "warning")} ${sandbox.traits.name}, ${wall}: ${seen}\n`);
        }
      }
    }
    const isUsable = found.some(({ probe }) => probe.usable && STRENGTHS.indexOf(probe.strength) >= least);
    if (!isUsable) return EXIT.noSandbox;
    return redis === undefined || redis.usable ? EXIT.done : EXIT.failed;
  },
};

/** `undefined` where no Redis is configured. */
async function probeConfigured(
  place: Config["redis"],
  progress: Pick<ReturnType<typeof createProgress>, "show">,
): Promise<RedisProbe | undefined> {
  if (place === undefined) return undefined;
  progress.show("asking Redis");
  await using backend = await openRedis(place);
  return await probeRedis(backend);
}
