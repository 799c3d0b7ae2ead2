import { newToken, SCOPES } from "../host/tokens.ts";
import { usage } from "./catalog-commands.ts";
import type { Command } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { keepToken, tokenFilePath } from "./token-file.ts";

export const token: Command = {
  name: "token",
  takes: "",
  summary: "Makes a token for the host, prints it once, and keeps its digest; a host reads it at its start.",
  flags: {
    tenant: { kind: "text", help: "whose sessions, limits and runs are meant [nobody's]" },
    scope: { kind: "list", help: `what it may be used for, again for more: ${SCOPES.join(", ")} [all]` },
  },
  async run({ values, terminal, env }) {
    const tenant = values.get("tenant");
    const asked = values.get("scope");
    const scopes = Array.isArray(asked) ? asked.map(readScope) : undefined;
    const file = tokenFilePath(env);
    const made = newToken();
    await keepToken(file, made, {
      ...(typeof tenant === "string" ? { tenant } : {}),
      ...(scopes === undefined ? {} : { scopes }),
    });
    terminal.out.write(`${made}\n`);
    terminal.err.write(`This token is shown once; ${file} keeps its digest.\n`);
    return EXIT.done;
  },
};

function readScope(text: unknown): (typeof SCOPES)[number] {
  const scope = SCOPES.find((one) => one === text);
  if (scope !== undefined) return scope;
  throw usage(`There is no scope ${String(text)}. Choose of: ${SCOPES.join(", ")}.`);
}
