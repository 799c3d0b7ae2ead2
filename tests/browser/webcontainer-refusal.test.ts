import { expect, test } from "vitest";
import { webcontainer } from "../../src/webcontainer.ts";
import { setMode, useContainerService } from "./setup/webcontainer/page.ts";

// A page of its own: the API keeps the service's first answer for as long as the page lives.

const KEY = "refusals";
useContainerService();

test("a service that refuses says why, and what a licence key has to do with it", async () => {
  await setMode(KEY, "refuse");
  await using sandbox = webcontainer({ apiKey: KEY, coep: "none" });
  await expect(sandbox.prepare()).rejects.toMatchObject({
    code: 500,
    kind: "sandbox_unavailable",
    message: "The sandbox could not be set up: webcontainer: the service refused: this origin has no licence",
    hint: expect.stringContaining("Check that the licence key is valid for this origin."),
  });
});

test("without a key the hint says where keys come from", async () => {
  await using sandbox = webcontainer({ coep: "none" });
  await expect(sandbox.prepare()).rejects.toMatchObject({
    kind: "sandbox_unavailable",
    hint: expect.stringMatching(/Without a licence key.*StackBlitz.*webcontainer\(\{ apiKey \}\)/),
  });
});
