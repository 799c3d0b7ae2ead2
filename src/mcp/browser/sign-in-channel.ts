// What crosses here: messages of other pages of the origin. They only say where to look: what happened is read
// from the store. A page of another origin can't send on this channel, and no window message is ever heard.

import { isJsonObject } from "../../base/json.ts";

/** That an answer came for a pending sign-in, or that the user of a server signed in or out. */
export type SignInMessage =
  | { readonly type: "answered"; readonly slot: string }
  | { readonly type: "changed"; readonly mcpUrl: string };

const NAME = "mcp-optimizer-sign-in";

/** Hears what other pages of the origin say, until it is closed. */
export function openSignInChannel(onMessage: (message: SignInMessage) => void): {
  readonly tell: (message: SignInMessage) => void;
  readonly close: () => void;
} {
  const channel = new BroadcastChannel(NAME);
  channel.onmessage = ({ data }: MessageEvent<unknown>) => {
    const message = parseMessage(data);
    if (message !== undefined) onMessage(message);
  };
  return { tell: (message) => channel.postMessage(message), close: () => channel.close() };
}

function parseMessage(data: unknown): SignInMessage | undefined {
  if (!isJsonObject(data)) return undefined;
  const { type, slot, mcpUrl }: Readonly<Record<string, unknown>> = data;
  if (type === "answered" && typeof slot === "string") return { type, slot };
  if (type === "changed" && typeof mcpUrl === "string") return { type, mcpUrl };
  return undefined;
}
