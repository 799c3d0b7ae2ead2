import { type ParseArgsConfig, parseArgs } from "node:util";
import { findOptimizerError, messageOf, OptimizerError } from "../base/errors.ts";
import { VERSION } from "../version.ts";
import { audit } from "./audit-command.ts";
import { describe, manifest, search } from "./catalog-commands.ts";
import type { Command, CommandInput } from "./command.ts";
import { loadConfig } from "./config.ts";
import { doctor } from "./doctor.ts";
import { EXIT, EXIT_HELP, exitCodeOf } from "./exit-codes.ts";
import { image } from "./image-command.ts";
import { runProgram } from "./run-program.ts";
import { serve } from "./serve.ts";
import { SETTINGS } from "./settings.ts";
import { colour, type Terminal } from "./terminal.ts";
import { token } from "./token-command.ts";

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  [serve, doctor, runProgram, search, describe, manifest, token, image, audit].map((command) => [
    command.name,
    command,
  ]),
);

/** Carries one command line out, and resolves with its exit code. Never rejects. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const terminal: Terminal = { out: process.stdout, err: process.stderr };
  const [name = "", ...args] = argv;
  try {
    if (name === "" || name === "help" || name === "--help" || name === "-h") {
      terminal.out.write(overview());
      return name === "" ? EXIT.usage : EXIT.done;
    }
    if (name === "--version" || name === "-v") {
      terminal.out.write(`${VERSION}\n`);
      return EXIT.done;
    }
    const command = COMMANDS.get(name);
    if (command === undefined) throw usage(`There is no command ${name}.`);
    const { values, positionals } = readArguments(command, args);
    if (values.get("help") === true) {
      terminal.out.write(helpOf(command));
      return EXIT.done;
    }
    const config = await loadConfig({ flags: values, env: process.env, cwd: process.cwd() });
    return await command.run({ values, positionals, config, terminal, env: process.env });
  } catch (error) {
    terminal.err.write(`${colour(terminal.err, "red", "error")} ${messageOf(error)}\n`);
    const hint = findOptimizerError(error)?.hint;
    if (hint !== undefined) terminal.err.write(`${hint}\n`);
    return exitCodeOf(error);
  }
}

function readArguments(
  { flags, takes }: Command,
  args: readonly string[],
): Pick<CommandInput, "values" | "positionals"> {
  const settings = Object.values(SETTINGS).map(({ flag, kind }) => [flag, kind] as const);
  const own = Object.entries(flags).map(([flag, { kind }]) => [flag, kind] as const);
  const options: NonNullable<ParseArgsConfig["options"]> = Object.fromEntries(
    [...settings, ...own, ["config", "text"] as const].map(([flag, kind]) => [
      flag,
      { type: kind === "switch" ? "boolean" : "string", multiple: kind === "list" },
    ]),
  );
  try {
    const parsed = parseArgs({
      args: [...args],
      options: { ...options, help: { type: "boolean", short: "h" } },
      allowPositionals: takes !== "",
    });
    return { values: new Map(Object.entries(parsed.values)), positionals: parsed.positionals };
  } catch (error) {
    throw usage(messageOf(error));
  }
}

function usage(message: string): OptimizerError {
  return new OptimizerError(message, {
    code: 400,
    kind: "usage",
    hint: "mcp-optimizer --help lists the commands, mcp-optimizer <command> --help its flags.",
  });
}

function overview(): string {
  const lines = Array.from(COMMANDS.values(), ({ name, takes, summary }) => [
    `${name} ${takes}`.trim(),
    summary,
  ]);
  return `Usage: mcp-optimizer <command> [flags]

Commands:
${columns(lines)}

mcp-optimizer <command> --help lists its flags. Settings come from flags, else from the environment, else from
mcp-optimizer.config.json in this folder (or --config, MCP_OPTIMIZER_CONFIG).

${EXIT_HELP}
`;
}

function helpOf({ name, takes, summary, flags }: Command): string {
  const own = Object.entries(flags).map(([flag, { help }]) => [`--${flag}`, help]);
  const settings = Object.values(SETTINGS).map(({ flag, env, help }) => [`--${flag}`, `${help} (${env})`]);
  return `Usage: mcp-optimizer ${`${name} ${takes}`.trim()} [flags]

${summary}

Flags:
${columns([...own, ["--config", "file of the configuration (MCP_OPTIMIZER_CONFIG)"], ...settings])}

${EXIT_HELP}
`;
}

function columns(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(([first = ""]) => first.length));
  return rows.map(([first = "", second = ""]) => `  ${first.padEnd(width)}  ${second}`).join("\n");
}
