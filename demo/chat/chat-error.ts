import { clipText } from "../../src/base/text.ts";
import type { ModelSettings } from "./chat-model.ts";

const MAX_CHARACTERS = 300;

/** Why a turn failed, and what to do: in words of ours, with the endpoint's behind them, and never with the key. */
export function describeChatError(error: unknown, { baseUrl, key }: ModelSettings, origin: string): string {
  const status: unknown =
    typeof error === "object" && error !== null ? Reflect.get(error, "status") : undefined;
  const raw = error instanceof Error ? error.message : String(error);
  const said = clipText(key === "" ? raw : raw.replaceAll(key, "…"), MAX_CHARACTERS);
  if (typeof status === "number") return `${adviceOf(status)} It said: ${said}`;
  if (/connection error|failed to fetch|networkerror/i.test(raw)) {
    return `${new URL(baseUrl).host} can't be reached from here: it is down, the address is wrong, or it allows no pages (CORS). A local server has to allow the origin ${origin}.`;
  }
  return `The turn broke off: ${said}`;
}

function adviceOf(status: number): string {
  if (status === 401 || status === 403) {
    return `The endpoint refuses the key (${status}): check it, and that it is one for this address.`;
  }
  if (status === 404) return "The endpoint knows no such model, or this is not its address (404).";
  if (status === 429)
    return "Too many requests, or no credit left (429): wait a moment, or look at the account.";
  if (status >= 500) return `The endpoint has a problem of its own (${status}): try again later.`;
  return `The endpoint refuses the request (${status}).`;
}
