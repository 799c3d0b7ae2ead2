import { expect, inject, test } from "vitest";
import { skipWhere } from "../suites/skips.ts";
import type { StrictPageReport } from "./setup/strict-page.ts";

const { errors, strictPages } = inject("servers");

/** `/sandbox.html` is served with the headers of an isolated page, as its frame needs in Chromium and Firefox. */
const ISOLATED_FRAME = {
  webkit: "An opaque frame that is cross-origin isolated can start no worker from a blob: in WebKitGTK 2.50.",
};

/** Opens a page in a frame of its own origin, and waits for what it reports. */
async function visit(page: string, query: Readonly<Record<string, string>> = {}): Promise<StrictPageReport> {
  const { promise, resolve } = Promise.withResolvers<StrictPageReport>();
  const frame = document.createElement("iframe");
  const listen = ({ source, data }: MessageEvent<{ readonly report: StrictPageReport }>): void => {
    if (source === frame.contentWindow && "report" in data) resolve(data.report);
  };
  addEventListener("message", listen);
  frame.src = `${strictPages}${page}?${new URLSearchParams(query)}`;
  document.body.append(frame);
  try {
    return await promise;
  } finally {
    removeEventListener("message", listen);
    frame.remove();
  }
}

test("a page with a strict policy runs programs in the static sandbox.html", async (context) => {
  skipWhere(ISOLATED_FRAME, context);
  expect(await visit("/strict", { frame: "/sandbox.html", server: errors })).toEqual({
    value: { doubled: 42, total: 10_000 },
    backends: ["quickjs", "pyodide"],
  });
});

test("a page with a strict policy hears from the generated frame what to do instead", async () => {
  const { error } = await visit("/strict", { patience: "1500" });
  expect(error).toMatchObject({ code: 500, kind: "sandbox_unavailable" });
  expect(error?.message).toBe("The sandbox could not be set up: frame: no answer within 1500 ms");
  expect(error?.hint).toContain("createOptimizer({ frame: new SandboxFrame({ url }) })");
  expect(error?.hint).toContain("sandbox.html");
});

test("a page hears which address delivers no sandbox.html", async () => {
  const { error } = await visit("/strict", { frame: "/strict-page.js", patience: "1500" });
  expect(error).toMatchObject({ code: 500, kind: "sandbox_unavailable" });
  expect(error?.hint).toContain("/strict-page.js");
});

test("a cross-origin isolated page runs programs in both kinds of frame", async (context) => {
  skipWhere(ISOLATED_FRAME, context);
  const expected = { value: { doubled: 42 }, backends: ["quickjs", "pyodide"] };
  expect(await visit("/isolated")).toEqual(expected);
  expect(await visit("/isolated", { frame: "/sandbox.html" })).toEqual(expected);
});
