// Each ready program does what it says, in the page and on a host.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROGRAMS } from "../../demo/programs.ts";
import { basic, createHost } from "../../src/host/index.ts";
import { choose, runChosen } from "./setup/demo-run.ts";
import { type DemoSite, type DemoVisit, openDemoSite } from "./setup/demo-site.ts";
import { OUTCOMES, OUTCOMES_ON_HOST } from "./setup/program-outcomes.ts";

const running = new AsyncDisposableStack();
let site: DemoSite;
/** The page as `npx mcp-optimizer serve` prints its link. */
let hostLink: string;

beforeAll(async () => {
  site = running.use(await openDemoSite());
  const sandbox = running.use(basic({ iKnowThatThisIsNoSandbox: true }));
  const origins = [new URL(site.url).origin];
  const host = running.use(
    await createHost({ port: 0, sandboxes: [sandbox], leastStrength: "none", origins }),
  );
  hostLink = `${site.url}#host=${host.url}&token=${host.token}`;
});

afterAll(() => running.disposeAsync());

describe.each(["in the page", "on a host, which the page answers"])(
  "runs each ready program %s:",
  (place) => {
    let opened: DemoVisit;

    beforeAll(async () => {
      opened = await site.openPage(place === "in the page" ? site.url : hostLink);
      await opened.page.locator("[data-server=everything][data-state=ready]").waitFor();
    });

    afterAll(async () => {
      await opened[Symbol.asyncDispose]();
      expect(opened.complaints).toEqual([]);
    });

    test.for(PROGRAMS)("$title", async ({ id, title }) => {
      await choose(opened.page, id);
      const onHost = place === "in the page" ? undefined : OUTCOMES_ON_HOST[id];
      const check = onHost ?? OUTCOMES[id];
      if (check === undefined) throw new Error(`Say what becomes of ${title}.`);
      await check(await runChosen(opened.page), opened.page);
    });
  },
);
