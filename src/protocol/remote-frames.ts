// What crosses here: a sandbox that is on a host, seen from a page, over one WebSocket. The page may be anybody who has
// a token, and the host may be wrong or hostile; so each side parses what the other sends. Messages of a program go
// through as text for the one parser of the page.

import { type ErrorCode, OptimizerError } from "../base/errors.ts";
import { isJsonObject, parseJson } from "../base/json.ts";
import type { GuestError, GuestOperation, Language, NumberedReply } from "./guest-protocol.ts";
import type { HostToolCall } from "./host-tool-call.ts";

/** Grows when a page of before could not speak to a host of now, or the other way round. */
export const REMOTE_PROTOCOL = 2;

/** Subprotocol of the WebSocket, beside which the token travels as another one: pages can set no headers. */
export const REMOTE_SUBPROTOCOL = "mcp-optimizer";
export const TOKEN_SUBPROTOCOL = "bearer.";

/** The longest frame: the largest message that limits allow, as escaped JSON twice. Bytes. */
export const MAX_FRAME_BYTES = 192 * 1024 * 1024;

/** The first frame of a page, on each socket. */
export interface Hello {
  readonly type: "hello";
  readonly protocol: number;
  /** Goes on with a link whose socket was lost; `received`: number of the last frame that arrived. */
  readonly resume?: { readonly link: string; readonly received: number };
}

/** What a host says of the sandbox that it lends. */
export interface RemoteTraits {
  readonly name: string;
  readonly strength: string;
  readonly languages: readonly Language[];
}

/** The host's answer: a link, or why there is none. Then the socket is closed. */
export type Welcome =
  | {
      readonly type: "welcome";
      readonly link: string;
      readonly received: number;
      /** How long the host keeps a link without a socket, with its programs. Milliseconds. */
      readonly graceMs: number;
      readonly sandbox: RemoteTraits;
    }
  | { readonly type: "refused"; readonly error: RemoteError };

export interface RemoteError {
  readonly code: ErrorCode;
  readonly kind: string;
  readonly message: string;
  readonly hint?: string;
}

/** Who answers the calls of tools: the page that lent itself a sandbox, or the host with servers of its own. */
export type RemoteBroker = "page" | "host";

/** What the host answers where it is the broker. The rest is of the page's session, and the page's to answer. */
export const HOST_OPERATIONS: ReadonlySet<GuestOperation> = new Set(["tool", "search", "describe"]);

/** Page to host. A channel is one program. */
export type PageFrame =
  | {
      readonly type: "open";
      readonly channel: number;
      readonly session: string;
      readonly broker: RemoteBroker;
      readonly limits: Readonly<Record<string, number>>;
    }
  | {
      readonly type: "run";
      readonly channel: number;
      readonly run: string;
      readonly language: Language;
      readonly code: string;
      readonly inputs: string;
      readonly namespaces: readonly string[];
    }
  | { readonly type: "replies"; readonly channel: number; readonly replies: readonly NumberedReply[] }
  | { readonly type: "close"; readonly channel: number };

/** Host to page. */
export type HostFrame =
  /** The channel takes a program, or why not. */
  | { readonly type: "opened"; readonly channel: number }
  | { readonly type: "refused"; readonly channel: number; readonly error: RemoteError }
  /** A message of the runtime, as JSON text. */
  | { readonly type: "message"; readonly channel: number; readonly message: string }
  /** The host has answered a call by itself, of which the page heard before; absent `tool`: it called none. */
  | {
      readonly type: "answered";
      readonly channel: number;
      readonly call: number;
      readonly tool?: HostToolCall;
    }
  /** The place died under the program. */
  | {
      readonly type: "died";
      readonly channel: number;
      readonly message: string;
      readonly reason: "crashed" | "security" | "memory";
    };

type Fields = Readonly<Record<string, unknown>>;

const LANGUAGES: readonly string[] = ["javascript", "typescript", "python"] satisfies Language[];

/** Reads the first frame of a page. Throws 400 `unsupported_protocol` for another version, and for what is no hello. */
export function parseHello(text: string): Hello {
  const fields = fieldsOf(text);
  if (fields["type"] !== "hello") throw violation("a first frame that is no hello");
  if (fields["protocol"] !== REMOTE_PROTOCOL) {
    const spoken = JSON.stringify(fields["protocol"])?.slice(0, 20) ?? "none";
    const message = `The host speaks version ${REMOTE_PROTOCOL} of the remote sandbox, the page ${spoken}.`;
    throw new OptimizerError(message, {
      code: 400,
      kind: "unsupported_protocol",
      hint: "Use the same version of mcp-optimizer on both sides.",
    });
  }
  const { resume } = fields;
  if (resume === undefined) return { type: "hello", protocol: REMOTE_PROTOCOL };
  const { link, received } = object(resume);
  return {
    type: "hello",
    protocol: REMOTE_PROTOCOL,
    resume: { link: string(link, "link"), received: count(received, "received") },
  };
}

/** Reads a host's answer. Throws 403 for anything else. */
export function parseWelcome(text: string): Welcome {
  const fields = fieldsOf(text);
  if (fields["type"] === "refused") return { type: "refused", error: parseError(fields["error"]) };
  if (fields["type"] !== "welcome") throw violation("an answer that is no welcome");
  const { name, strength, languages } = object(fields["sandbox"]);
  return {
    type: "welcome",
    link: string(fields["link"], "link"),
    received: count(fields["received"], "received"),
    graceMs: count(fields["graceMs"], "graceMs"),
    sandbox: {
      name: string(name, "name"),
      strength: string(strength, "strength"),
      languages: list(languages, "languages").map(language),
    },
  };
}

/** Reads what a page sends after its hello. Throws 403 for anything else. */
export function parsePageFrame(value: unknown): PageFrame {
  const fields = object(value);
  const channel = count(fields["channel"], "channel");
  switch (fields["type"]) {
    case "open":
      return {
        type: "open",
        channel,
        session: string(fields["session"], "session"),
        broker: broker(fields["broker"]),
        limits: Object.fromEntries(
          Object.entries(object(fields["limits"])).map(([name, limit]) => [name, count(limit, "limit")]),
        ),
      };
    case "run":
      return {
        type: "run",
        channel,
        run: string(fields["run"], "run"),
        language: language(fields["language"]),
        code: string(fields["code"], "code"),
        inputs: string(fields["inputs"], "inputs"),
        namespaces: list(fields["namespaces"], "namespaces").map((name) => string(name, "namespace")),
      };
    case "replies":
      return { type: "replies", channel, replies: list(fields["replies"], "replies").map(parseReply) };
    case "close":
      return { type: "close", channel };
    default:
      throw violation("an unknown frame");
  }
}

/** Reads what a host sends after its welcome. Throws 403 for anything else. */
export function parseHostFrame(value: unknown): HostFrame {
  const fields = object(value);
  const channel = count(fields["channel"], "channel");
  switch (fields["type"]) {
    case "opened":
      return { type: "opened", channel };
    case "refused":
      return { type: "refused", channel, error: parseError(fields["error"]) };
    case "message":
      return { type: "message", channel, message: string(fields["message"], "message") };
    case "answered": {
      const { call, tool } = fields;
      return {
        type: "answered",
        channel,
        call: count(call, "call"),
        ...(tool === undefined ? {} : { tool: parseToolCall(tool) }),
      };
    }
    case "died": {
      const { reason } = fields;
      if (reason !== "crashed" && reason !== "security" && reason !== "memory")
        throw violation("an unknown reason");
      return { type: "died", channel, message: string(fields["message"], "message"), reason };
    }
    default:
      throw violation("an unknown frame");
  }
}

function parseReply(value: unknown): NumberedReply {
  const { id, ok, json, bytes, error } = object(value);
  const number = count(id, "id");
  if (ok === true) {
    return { id: number, ok, json: string(json, "json"), ...(bytes === true ? { bytes } : {}) };
  }
  return { id: number, ok: false, error: parseGuestError(error) };
}

function parseGuestError(value: unknown): GuestError {
  const { name, message, kind, code, hint, tool, server } = object(value);
  const optional = Object.entries({ hint, tool, server }).filter(([, text]) => typeof text === "string");
  return {
    name: string(name, "name"),
    message: string(message, "message"),
    kind: string(kind, "kind"),
    code: count(code, "code"),
    ...Object.fromEntries(optional),
  };
}

function parseToolCall(value: unknown): HostToolCall {
  const { name, ms, bytes, cached, error } = object(value);
  const call = {
    name: string(name, "name"),
    ms: count(ms, "ms"),
    bytes: count(bytes, "bytes"),
    cached: cached === true,
  };
  if (error === undefined) return call;
  const { kind, message, mayHaveExecuted } = object(error);
  return {
    ...call,
    error: {
      kind: string(kind, "kind"),
      message: string(message, "message"),
      mayHaveExecuted: mayHaveExecuted === true,
    },
  };
}

function parseError(value: unknown): RemoteError {
  const { code, kind, message, hint } = object(value);
  if (code !== 400 && code !== 403 && code !== 408 && code !== 429 && code !== 500)
    throw violation("an unknown class of error");
  return {
    code,
    kind: string(kind, "kind"),
    message: string(message, "message"),
    ...(typeof hint === "string" ? { hint } : {}),
  };
}

function fieldsOf(text: string): Fields {
  try {
    return object(parseJson(text));
  } catch {
    throw violation("text that is no object");
  }
}

function object(value: unknown): Fields {
  if (!isJsonObject(value)) throw violation("a value that is no object");
  return value;
}

function string(value: unknown, name: string): string {
  if (typeof value !== "string") throw violation(`a field ${name} that is no text`);
  return value;
}

function count(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw violation(`a field ${name} that is no count`);
  return value;
}

function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw violation(`a field ${name} that is no list`);
  return value;
}

function language(value: unknown): Language {
  const found = string(value, "language");
  if (!LANGUAGES.includes(found)) throw violation("an unknown language");
  return found as Language;
}

function broker(value: unknown): RemoteBroker {
  if (value !== "page" && value !== "host") throw violation("an unknown broker");
  return value;
}

/** What becomes of anything that this protocol does not know. */
export function violation(what: string): OptimizerError {
  return new OptimizerError(`The other side of the remote sandbox sent ${what}.`, {
    code: 403,
    kind: "protocol_violation",
  });
}
