// How a wall is switched off: by a change of the built script that it is in.

import { SandboxFrame } from "../../../src/sandbox/browser/frame.ts";
import { documentWith, frameScript } from "../setup/frame-with.ts";

/** One place of a built script, and what stands there without the wall. */
export interface Cut {
  readonly place: RegExp;
  readonly by: string;
}

/** Places in the script of the frame's document and of the keeper inside it. */
export const FRAME_CUTS = {
  /** It looks whether its policy and its opaque origin are in force. */
  look: { place: /var ([\w$]+)=([\w$]+)\(\);\1===void 0\?([\w$]+)\(\):/g, by: "$3();0&&" },
  credits: { place: /([\w$]+)\+=1,\1>64\)/g, by: "$1+=1,!1)" },
  size: {
    place:
      /[\w$]+\.length>[\w$]+(?=\)return [\w$]+\(\{ended:`flood`,message:`The worker sent a message over)/g,
    by: "!1",
  },
  /** Large messages are written anew. */
  rewriting: { place: /=16384\b/g, by: "=1e12" },
} as const satisfies Readonly<Record<string, Cut>>;

/** Places in the scripts of workers. */
export const WORKER_CUTS = {
  nativeScope: {
    place:
      /\[\.\.\.[\w$]+\([\w$]+\),\.\.\.\[`createObjectURL`,`revokeObjectURL`\]\.filter\([\w$]+=>!Reflect\.deleteProperty\(URL,[\w$]+\)\)\]/g,
    by: "[]",
  },
  pythonScope: {
    place:
      /(?<==)[\w$]+\([\w$]+,[\w$]+===`process`\)(?=;if\([\w$]+\.length>0\)throw Error\(`The worker's scope)/g,
    by: "[]",
  },
  pythonGrowth: {
    place: /if\(this\.buffer\.byteLength\+[^()]+\)throw RangeError\(`no more memory`\);/g,
    by: "",
  },
  pythonGlobals: { place: /jsglobals:\{\}/g, by: "jsglobals:globalThis" },
  pythonBridge: { place: /\b_close_bridge\(\)(?!:)/g, by: "None" },
  files: { place: /if\([\w$]+\+[\w$]+>[\w$]+\)throw new [\w$]+\.ErrnoError\([\w$]+\)/g, by: "" },
} as const satisfies Readonly<Record<string, Cut>>;

/** A script without these places. Throws when one is not there exactly once: then nothing was switched off. */
export function cutOut(script: string, ...cuts: readonly Cut[]): string {
  let text = script;
  for (const { place, by } of cuts) {
    const found = [...text.matchAll(place)].length;
    if (found !== 1) throw new Error(`${place} is there ${found} times.`);
    text = text.replace(place, by);
  }
  return text;
}

/** A frame like ours, with another policy or without some of its places. */
export async function openFrameWithout(policy: string, ...cuts: readonly Cut[]): Promise<SandboxFrame> {
  const html = await documentWith(cutOut(frameScript, ...cuts), policy);
  return new SandboxFrame({ url: URL.createObjectURL(new Blob([html], { type: "text/html" })) });
}

/** Put before a worker's script: it hears of limits that are not the run's. */
export function withLimits(limits: Readonly<Record<string, number>>): string {
  return `self.addEventListener("message", ({ data }) => { if (data.command?.limits) Object.assign(data.command.limits, ${JSON.stringify(limits)}); });\n`;
}
