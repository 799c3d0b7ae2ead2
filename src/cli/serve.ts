import { readFile } from "node:fs/promises";
import { OptimizerError } from "../base/errors.ts";
import type { ContextBackend } from "../context/context-backend.ts";
import type { Host } from "../host/create-host.ts";
import { newToken, type TokenGrant, tokenDigest } from "../host/tokens.ts";
import type { AuditTrail } from "../telemetry/audit/audit-trail.ts";
import type { Command, CommandInput } from "./command.ts";
import { type Config, engineOptions } from "./config.ts";
import { EXIT } from "./exit-codes.ts";
import { openRedis, probeRedis, type RedisProbe, sayRedis } from "./redis-context.ts";
import { withoutUndefined } from "./settings.ts";
import { openExporters, sayTelemetry } from "./telemetry.ts";
import { resolveTelemetry } from "./telemetry-config.ts";
import { colour, type Terminal } from "./terminal.ts";
import { keepToken, readTokens, tokenFilePath } from "./token-file.ts";

export const serve: Command = {
  name: "serve",
  takes: "",
  summary: "Serves programs over HTTP and MCP until it is told to end.",
  flags: {},
  async run({ config, terminal, env }) {
    // Only this command needs a server.
    const [{ createHost }, { sandboxCandidates }] = await Promise.all([
      import("../host/create-host.ts"),
      import("../host/sandbox/candidates.ts"),
    ]);
    const access = await openAccess(config, env);
    await using opened = new AsyncDisposableStack();
    opened.defer(endSoon);
    const sandboxes = sandboxCandidates(config.sandboxes).map((sandbox) => opened.use(sandbox));
    const audit = await openAudit(config);
    if (audit !== undefined) opened.use(audit);
    const places = resolveTelemetry(config, env);
    const telemetry = places === undefined ? undefined : await openExporters(places);
    const context = config.redis === undefined ? undefined : opened.use(await openRedis(config.redis));
    const kept = context === undefined ? undefined : await requireRedis(context);
    const host = await createHost({
      ...engineOptions(config),
      ...withoutUndefined({
        host: config.host,
        port: config.port,
        public: config.public,
        hostnames: config.hostnames,
        origins: config.origins,
        leastStrength: config.leastStrength,
        admission: config.admission,
        maxBodyBytes: config.maxBodyBytes,
        tls: await readTls(config),
        audit,
        telemetry,
        prometheus: places?.prometheus,
        context,
      }),
      sandboxes,
      tokens: access.tokens,
    });
    opened.use(host);
    if (access.made !== undefined && access.file !== undefined) await keepToken(access.file, access.made);
    tellReady(host, access, config, terminal);
    terminal.out.write(`${sayTelemetry(places)}\n`);
    if (kept !== undefined) tellRedis(kept, terminal);
    await endOfProcess(host, config, terminal);
    return EXIT.done;
  },
};

/** Last of all: connections that are left, such as to a collector that hangs, hold the process no longer. */
function endSoon(): void {
  setTimeout(() => process.exit(), 500).unref();
}

/** Who may use the host, and what the operator is told of it. */
interface Access {
  readonly tokens: readonly TokenGrant[];
  /** Where they are kept; absent for those of the environment or the configuration. */
  readonly file?: string;
  /** The text of a token that is made now: it is kept, and told, when the host listens. */
  readonly made?: string;
}

/** Tokens of the environment, of the configuration, or of this user's file, for which the first start makes one. */
async function openAccess(config: Config, env: CommandInput["env"]): Promise<Access> {
  const given = env["MCP_OPTIMIZER_TOKEN"];
  if (given !== undefined && given !== "") return { tokens: [{ sha256: tokenDigest(given) }] };
  if (config.tokens !== undefined) return { tokens: config.tokens };
  const file = tokenFilePath(env);
  const tokens = await readTokens(file);
  if (tokens.length > 0) return { tokens, file };
  const made = newToken();
  return { tokens: [{ sha256: tokenDigest(made) }], file, made };
}

async function openAudit({ audit }: Config): Promise<AuditTrail | undefined> {
  if (audit === undefined) return undefined;
  const { auditFile } = await import("../host/audit/audit-file.ts");
  return auditFile(audit.file, audit);
}

/**
 * A Redis that is away now may come back, and until then the host answers 503. Throws what nobody can wait for, such as
 * one that forgets what it should keep.
 */
async function requireRedis(context: ContextBackend): Promise<RedisProbe> {
  const probe = await probeRedis(context);
  if (probe.usable || probe.kind === "storage_unavailable") return probe;
  throw new OptimizerError(sayRedis(probe), { code: 500, kind: probe.kind });
}

function tellRedis(probe: RedisProbe, { out, err }: Terminal): void {
  if (probe.usable && probe.health.state === "durable") out.write(`${sayRedis(probe)}\n`);
  else err.write(`${colour(err, "yellow", "warning")} ${sayRedis(probe)}\n`);
}

async function readTls({
  tls,
}: Config): Promise<{ readonly cert: string; readonly key: string } | undefined> {
  if (tls === undefined) return undefined;
  const [cert, key] = await Promise.all([readFile(tls.certFile, "utf8"), readFile(tls.keyFile, "utf8")]);
  return { cert, key };
}

function tellReady({ url, chosen }: Host, access: Access, config: Config, { out, err }: Terminal): void {
  const used = chosen.sandboxes.map(({ traits, strength }) => `${traits.name} (${strength})`).join(", ");
  const stronger =
    chosen.passedOver.length === 0
      ? ""
      : ` Not used: ${chosen.passedOver.join("; ")}. See mcp-optimizer doctor.`;
  out.write(`mcp-optimizer listens on ${colour(out, "bold", url)}\n`);
  out.write(`Programs run in ${used}.${stronger}\n`);
  for (const { strength, traits } of chosen.sandboxes) {
    if (strength === "none")
      err.write(
        `${colour(err, "yellow", "warning")} ${traits.name} is no sandbox: programs can do what you can.\n`,
      );
  }
  if (config.public === true && config.tls === undefined)
    err.write(
      `${colour(err, "yellow", "warning")} tokens travel in the clear: use TLS here or in front of it.\n`,
    );
  if (access.made !== undefined) {
    const [page = url] = config.origins ?? [];
    const link = page === url ? `${url}/#token=${access.made}` : `${page}/#host=${url}&token=${access.made}`;
    out.write(`Ready: ${colour(out, "bold", link)}\n`);
    out.write(
      `This token is shown once. ${access.file} keeps its digest; mcp-optimizer token makes another.\n`,
    );
  } else if (access.file !== undefined) {
    out.write(`Tokens: those of ${access.file}; mcp-optimizer token makes another.\n`);
  }
}

/** Resolves when the host was told to end and has; a second signal ends the process at once. */
async function endOfProcess(host: Host, { drainMs }: Config, { err }: Terminal): Promise<void> {
  const told = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = (): void => {
    signals += 1;
    if (signals > 1) process.exit(EXIT.interrupted);
    told.resolve();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  await told.promise;
  err.write("Ending: runs under way may come to their end. Once more ends at once.\n");
  await host.drain(drainMs);
}
