// The bodies of requests cross here. They may be of any size, any form, and never end.

import { Validator } from "@cfworker/json-schema";
import { findOptimizerError, OptimizerError } from "../../base/errors.ts";
import { type Json, parseJson } from "../../base/json.ts";
import { problemsOf } from "../../tools/argument-problem.ts";
import type { JsonSchema } from "../../tools/tool.ts";
import { HttpError } from "./http-error.ts";

/** Reads a body as JSON. Rejects with 400 for another form and for what is no JSON, with 413 for one that is too large. */
export async function readJsonBody(request: Request, maxBytes: number): Promise<Json> {
  const value = parseJson(await readJsonText(request, maxBytes));
  if (value !== undefined) return value;
  throw new OptimizerError("The body is no JSON.", { code: 400, kind: "invalid_request" });
}

/** The same without reading the JSON itself. */
export async function readJsonText(request: Request, maxBytes: number): Promise<string> {
  requireJsonType(request.headers);
  requireSize(Number(request.headers.get("content-length") ?? 0), maxBytes);
  return readText(request, maxBytes);
}

/** Forms and plain text can be sent by any page without being asked; JSON can't. */
function requireJsonType(headers: Headers): void {
  const [type = ""] = (headers.get("content-type") ?? "").split(";");
  const encoding = headers.get("content-encoding") ?? "identity";
  if (type.trim().toLowerCase() === "application/json" && encoding === "identity") return;
  throw new OptimizerError("The body must be JSON, uncompressed.", {
    code: 400,
    kind: "unsupported_media_type",
    hint: "Send content-type: application/json.",
  });
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request.body ?? []) {
      bytes += chunk.byteLength;
      requireSize(bytes, maxBytes);
      chunks.push(chunk);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    if (findOptimizerError(error) !== undefined) throw error;
    throw new OptimizerError("The body did not arrive whole, or is no UTF-8.", {
      code: 400,
      kind: "invalid_request",
      cause: error,
    });
  }
}

/** Throws 413 `body_too_large`. */
function requireSize(bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new HttpError(`The body exceeds ${maxBytes} bytes.`, {
    status: 413,
    code: 400,
    kind: "body_too_large",
    // What is left of it is not read.
    headers: { connection: "close" },
    hint: "Send less; large data belongs in a tool or in context.",
  });
}

/**
 * A parser of JSON from outside by a schema of ours, which `Value` has to describe. It throws 400, with
 * `kind`, and says where the value does not fit.
 */
export function createSchemaParser<Value>(
  schema: JsonSchema,
  what: string,
  kind = "invalid_request",
): (value: unknown) => Value {
  const validator = new Validator(schema, "2020-12", false);
  const fits = (value: unknown): value is Value => validator.validate(value).valid;
  return (value) => {
    if (fits(value)) return value;
    const problems = problemsOf(validator.validate(value).errors, { schema, value });
    throw new OptimizerError(`${what} does not fit: ${problems.map(({ message }) => message).join(" ")}`, {
      code: 400,
      kind,
    });
  };
}
