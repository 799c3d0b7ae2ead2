import { readFile } from "node:fs/promises";
import path from "node:path";
import { pageHeaders } from "./page-headers.ts";
import { closeServer, listen, type RunningServer } from "./servers/loopback.ts";

/** How the page is served. */
export interface PageServerOptions {
  /** The built page. */
  readonly folder: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Addresses of MCP servers by name: the page reads them at `/servers.json` and may call them. */
  readonly servers: Readonly<Record<string, string>>;
}

const TYPES = new Map([
  [".html", "text/html; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".css", "text/css; charset=utf-8"],
  [".json", "application/json; charset=utf-8"],
  [".svg", "image/svg+xml"],
  [".png", "image/png"],
  [".ico", "image/x-icon"],
  [".wasm", "application/wasm"],
  [".woff2", "font/woff2"],
]);

/**
 * Serves the built demo page on 127.0.0.1, each file with the headers of `page-headers.ts`.
 *
 * @throws Error that names the port, when it is taken.
 */
export async function startPageServer({ folder, port, servers }: PageServerOptions): Promise<RunningServer> {
  const { port: taken, server } = await listen(
    (request, response) => {
      if (request.method !== "GET" && request.method !== "HEAD") {
        response.writeHead(405, { allow: "GET, HEAD" }).end();
        return;
      }
      const file = parsePath(request.url ?? "/");
      const headers = file === undefined ? {} : pageHeaders(file, request.url?.split("?")[1]);
      const type = TYPES.get(path.extname(file ?? "")) ?? "application/octet-stream";
      const content =
        file === undefined
          ? Promise.reject(new Error("no such file"))
          : file === "/servers.json"
            ? Promise.resolve(JSON.stringify(servers))
            : readFile(path.join(folder, file));
      content.then(
        (body) =>
          response
            .writeHead(200, { ...headers, "content-type": type })
            .end(request.method === "HEAD" ? "" : body),
        () => response.writeHead(404, { "content-type": "text/plain" }).end("Not found\n"),
      );
    },
    { port, host: "127.0.0.1", name: "The demo page" },
  );
  return { url: `http://127.0.0.1:${taken}/`, close: () => closeServer(server) };
}

/** The file that a request asks for, or undefined for a path that no file of ours has. */
function parsePath(url: string): string | undefined {
  const [encoded = "/"] = url.split("?");
  let decoded: string;
  try {
    decoded = decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
  const normal = path.posix.normalize(decoded.endsWith("/") ? `${decoded}index.html` : decoded);
  const safe =
    normal.startsWith("/") && !normal.includes("\0") && !normal.includes("\\") && !normal.startsWith("/..");
  return safe ? normal : undefined;
}
