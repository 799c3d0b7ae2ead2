import { expect, test } from "vitest";
import { webcontainer } from "../../src/webcontainer.ts";
import { setMode, useContainerService } from "./setup/webcontainer/page.ts";

// A page of its own: after a boot without an end the API begins no other.

const KEY = "hangs";

test("a boot that the service lets hang ends at its time, with what the service said", async () => {
  useContainerService();
  await setMode(KEY, "warn");
  await using sandbox = webcontainer({ apiKey: KEY, coep: "none", bootTimeoutMs: 3_000 });
  await expect(sandbox.prepare()).rejects.toMatchObject({
    code: 500,
    kind: "sandbox_unavailable",
    message:
      "The sandbox could not be set up: webcontainer: the service answered, but started no container within 3000 ms. It said: This key has expired.",
    hint: expect.stringContaining("Check that the licence key is valid for this origin."),
  });
});
