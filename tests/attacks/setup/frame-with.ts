// Frames that are like ours but for one wall, for the controls.

import frameHtml from "../../../src/sandbox/browser/frame-document.ts?frame";

/** The policy of our own frame, and the one script of its document. */
export const framePolicy = /content="([^"]+)"/.exec(frameHtml)?.[1] ?? "";
export const frameScript = /<script>(.*)<\/script>/s.exec(frameHtml)?.[1] ?? "";

/** Our policy, but for what keeps requests in. */
export const openNetworkPolicy = framePolicy
  .replace(" connect-src 'none';", "")
  .replace("default-src 'none'; ", "");

export interface FrameWith extends AsyncDisposable {
  /** The first thing that its script posts to the page. */
  readonly said: Promise<unknown>;
}

/**
 * A document with this one script. Of the policy only the hash is made another one, so that the script may
 * run; an empty policy is none.
 */
export async function documentWith(script: string, policy: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(script));
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
  const own = policy.replace(/'sha256-[^']+'/, `'sha256-${hash}'`);
  const meta = own === "" ? "" : `<meta http-equiv="Content-Security-Policy" content="${own}">`;
  return `<!doctype html><meta charset="utf-8">${meta}<script>${script}</script>`;
}

/** Opens a frame with such a document. */
export async function openFrameWith(script: string, sandbox: string, policy: string): Promise<FrameWith> {
  const iframe = document.createElement("iframe");
  iframe.setAttribute("sandbox", sandbox);
  iframe.srcdoc = await documentWith(script, policy);
  const said = Promise.withResolvers<unknown>();
  const hear = ({ source, data }: MessageEvent<unknown>): void => {
    if (source === iframe.contentWindow) said.resolve(data);
  };
  addEventListener("message", hear);
  document.body.append(iframe);
  return {
    said: said.promise,
    async [Symbol.asyncDispose]() {
      removeEventListener("message", hear);
      iframe.remove();
    },
  };
}

/** A script for a frame that runs the source in a worker and passes on what the worker posts. */
export function workerScript(source: string): string {
  return `const worker = new Worker(URL.createObjectURL(new Blob([${scriptText(source)}], { type: "text/javascript" }))); worker.onmessage = ({ data }) => parent.postMessage(data, "*");`;
}

/** A text as a literal that does not end the script element around it. */
export function scriptText(text: string): string {
  return JSON.stringify(text).replaceAll("<", "\\u003c");
}
