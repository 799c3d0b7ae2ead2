// What tells the attacks' tests that the page was held.

import { expect, test } from "vitest";
import { LOADED_MACHINE_MS, watchPage } from "../attacks/setup/page-watch.ts";

test("control: the watch sees a page that is held for longer than the tests accept", async () => {
  const { longestTaskMs, longestPauseMs } = await watchPage(
    () =>
      new Promise<void>((resolve) => {
        setTimeout(() => {
          const end = performance.now() + 2 * LOADED_MACHINE_MS;
          while (performance.now() < end);
          resolve();
        });
      }),
  );
  expect(longestTaskMs).toBeGreaterThan(LOADED_MACHINE_MS);
  expect(longestPauseMs).toBeGreaterThan(LOADED_MACHINE_MS);
});
