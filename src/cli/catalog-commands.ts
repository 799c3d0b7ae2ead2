import { OptimizerError } from "../base/errors.ts";
import type { HostEngine } from "../host/host-engine.ts";
import type { Command, CommandInput } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { openLocalEngine } from "./local-engine.ts";
import { colour, createProgress, type Terminal } from "./terminal.ts";

export const search: Command = {
  name: "search",
  takes: "<words…>",
  summary: "Lists the tools of the configured servers that fit, the best first.",
  flags: { limit: { kind: "number", help: "most tools, 1 to 50 [10]" } },
  async run({ values, positionals, config, terminal }) {
    await using local = await openTools({ config, terminal });
    const given = values.get("limit");
    const limit = given === undefined ? undefined : readCount(String(given));
    const hits = local.engines
      .of(undefined)
      .offer.search(positionals.join(" "), limit === undefined ? {} : { limit });
    for (const { line } of hits) terminal.out.write(`${line}\n`);
    return hits.length > 0 ? EXIT.done : EXIT.failed;
  },
};

export const describe: Command = {
  name: "describe",
  takes: "<server.tool…>",
  summary: "Shows the signatures of tools.",
  flags: { language: { kind: "text", help: "typescript or python [typescript]" } },
  async run({ values, positionals, config, terminal }) {
    const language = values.get("language") ?? "typescript";
    if (language !== "typescript" && language !== "python")
      throw usage("--language is typescript or python.");
    if (positionals.length === 0) throw usage("Name at least one tool: <server>.<tool>.");
    await using local = await openTools({ config, terminal });
    const { text } = await local.engines.of(undefined).offer.describe(positionals, { language });
    terminal.out.write(`${text}\n`);
    return EXIT.done;
  },
};

export const manifest: Command = {
  name: "manifest",
  takes: "",
  summary: "Prints the manifest and the one tool's definition as a model gets them.",
  flags: {},
  async run({ config, terminal }) {
    await using local = await openLocalEngine(config, { programs: true });
    warnOfServers(local, terminal);
    const offered = await local.engines.of(undefined).offer.capabilities();
    terminal.out.write(`${JSON.stringify(offered, undefined, 2)}\n`);
    return EXIT.done;
  },
};

async function openTools({
  config,
  terminal,
}: Pick<CommandInput, "config" | "terminal">): Promise<HostEngine> {
  using progress = createProgress(terminal.err);
  progress.show("connecting to the servers");
  const local = await openLocalEngine(config, { programs: false });
  progress.clear();
  warnOfServers(local, terminal);
  return local;
}

/** Says which servers can't be used, and why. */
export function warnOfServers({ servers }: HostEngine, { err }: Terminal): void {
  for (const { id, status } of servers.sources) {
    if (status.state === "unavailable")
      err.write(`${colour(err, "yellow", "warning")} ${id}: ${status.message} ${status.hint}\n`);
  }
}

export function readCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw usage(`${text} is no whole number above 0.`);
}

export function usage(message: string): OptimizerError {
  return new OptimizerError(message, { code: 400, kind: "usage" });
}
