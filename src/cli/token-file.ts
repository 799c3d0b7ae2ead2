import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { OptimizerError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import { createSchemaParser } from "../host/http/json-body.ts";
import { SCOPES, type TokenGrant, tokenDigest } from "../host/tokens.ts";

/** A token as the file keeps it: by its digest. */
interface StoredToken extends TokenGrant {
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** Where tokens of this user are kept. */
export function tokenFilePath(env: Readonly<Record<string, string | undefined>>): string {
  const home = env["XDG_CONFIG_HOME"] ?? path.join(homedir(), ".config");
  return path.join(home, "mcp-optimizer", "tokens.json");
}

const parseTokens = createSchemaParser<{ readonly tokens: readonly StoredToken[] }>(
  {
    type: "object",
    additionalProperties: false,
    required: ["tokens"],
    properties: {
      tokens: {
        type: "array",
        items: {
          type: "object",
          additionalProperties: false,
          required: ["sha256", "createdAt"],
          properties: {
            sha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
            tenant: { type: "string" },
            scopes: { type: "array", items: { enum: SCOPES } },
            createdAt: { type: "number" },
          },
        },
      },
    },
  },
  "The file of tokens",
  "invalid_config",
);

/** The tokens of a file; none where there is no file. Rejects with 403 for one that others may read or write. */
export async function readTokens(file: string): Promise<readonly StoredToken[]> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return [];
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
    throw new OptimizerError(`${file} can be read or written by other users.`, {
      code: 403,
      kind: "unsafe_file",
      hint: `Run: chmod 600 ${file}`,
    });
  }
  return parseTokens(parseJson(await readFile(file, "utf8"))).tokens;
}

/** Adds a token to the file, by its digest. */
export async function keepToken(
  file: string,
  token: string,
  grant: Omit<TokenGrant, "sha256"> = {},
): Promise<void> {
  const before = await readTokens(file);
  const tokens = [...before, { sha256: tokenDigest(token), ...grant, createdAt: Date.now() }];
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.new`;
  await using handle = await open(draft, "w", 0o600);
  await handle.writeFile(`${JSON.stringify({ tokens }, undefined, 2)}\n`);
  await handle.sync();
  await rename(draft, file);
}
