import type { Config } from "./config.ts";
import type { FlagValue, SettingRule } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** What a command works with. */
export interface CommandInput {
  readonly values: ReadonlyMap<string, FlagValue>;
  readonly positionals: readonly string[];
  readonly config: Config;
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One command of the command line. */
export interface Command {
  readonly name: string;
  /** Its arguments as the help shows them; empty for none. */
  readonly takes: string;
  readonly summary: string;
  /** Flags beside the settings. */
  readonly flags: Readonly<Record<string, Pick<SettingRule, "kind" | "help">>>;
  /** Resolves with the exit code. */
  run(input: CommandInput): Promise<number>;
}
