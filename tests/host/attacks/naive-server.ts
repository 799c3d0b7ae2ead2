// What a host would be that believes everybody: each attack gets through here, which shows that it is one.

import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { runInThisContext } from "node:vm";
import { closeServer } from "../../../demo/servers/loopback.ts";
import { rawRequest } from "../setup/raw-http.ts";
import type { HttpTarget } from "./http-case.ts";

export async function startNaiveServer(): Promise<HttpTarget & AsyncDisposable> {
  let executed = 0;
  // A parser that takes what two servers could read in two ways, and no time limits.
  const server = createServer(
    { insecureHTTPParser: true, requireHostHeader: false, headersTimeout: 0, requestTimeout: 0 },
    (request, response) => {
      const { origin } = request.headers;
      if (origin !== undefined) response.setHeader("access-control-allow-origin", origin);
      const work = async (): Promise<string> => {
        const { pathname, searchParams } = new URL(request.url ?? "/", "http://naive");
        const body = await text(request);
        if (pathname === "/v1/runs" && request.method === "POST") {
          executed += 1;
          const { code } = JSON.parse(body);
          const returned: unknown = runInThisContext(`(() => { ${code} })()`);
          return JSON.stringify({ value: returned });
        }
        const wanted =
          pathname === "/v1/servers"
            ? JSON.parse(body).url
            : (searchParams.get("url") ?? decodeURIComponent(pathname.slice(7)));
        if (pathname === "/v1/servers" || pathname.startsWith("/relay/")) {
          // It would go anywhere; the test has it go no further than this machine.
          const isHere = /^http:\/\/(127\.0\.0\.1|localhost)/.test(wanted);
          const answer = isHere ? await fetch(wanted).catch(() => undefined) : undefined;
          return JSON.stringify({ status: answer?.status });
        }
        return "{}";
      };
      work().then(
        (answer) => response.end(answer),
        (error: Error) => {
          response.statusCode = 500;
          response.end(error.stack);
        },
      );
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    authority: `127.0.0.1:${port}`,
    token: "naive",
    raw: (bytes) => rawRequest(url, bytes),
    executed: async () => executed,
    [Symbol.asyncDispose]: () => closeServer(server),
  };
}
