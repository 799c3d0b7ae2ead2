import path from "node:path";
import { build } from "vite";
import { closeServer, listen, type RunningServer } from "../../../demo/servers/loopback.ts";

const root = path.resolve(import.meta.dirname, "../../..");

const strict = (connect: string) => ({
  "content-security-policy": `default-src 'none'; script-src 'self'; connect-src 'self' ${connect}; frame-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'`,
});

/** Documents that a page may be, by name. */
const PAGES: Readonly<Record<string, (connect: string) => Readonly<Record<string, string>>>> = {
  "/strict": strict,
  /** Whose users sign in to a server, and where they come back to. */
  "/sign-in": strict,
  "/signed-in": strict,
  "/isolated": () => ({
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "cross-origin",
  }),
  /** Whose programs outlive it. */
  "/durable": () => ({}),
};

const SCRIPTS: Readonly<Record<string, string>> = {
  "/durable": "/durable-page.js",
  "/sign-in": "/sign-in-page.js",
  "/signed-in": "/signed-in-page.js",
};

/** Serves pages with strict headers, with the library built into them as an embedder would build it. */
export async function startStrictPages(
  servers: readonly string[] | (() => readonly string[]),
): Promise<RunningServer> {
  const connect = (): string =>
    (typeof servers === "function" ? servers() : servers).map((url) => new URL(url).origin).join(" ");
  let built: Promise<ReadonlyMap<string, string>> | undefined;
  const { port, server } = await listen(
    (request, response) => {
      const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
      const headers = PAGES[pathname]?.(connect());
      if (headers !== undefined) {
        response.writeHead(200, { ...headers, "content-type": "text/html" });
        response.end(
          `<!doctype html><title>Page</title><body><script type="module" src="${SCRIPTS[pathname] ?? "/strict-page.js"}"></script>`,
        );
        return;
      }
      built ??= buildPage();
      built.then(
        (files) => {
          const content = files.get(pathname.slice(1));
          const isolated = pathname === "/sandbox.html" ? PAGES["/isolated"]?.(connect()) : {};
          response.writeHead(content === undefined ? 404 : 200, {
            ...isolated,
            "content-type": pathname.endsWith(".html") ? "text/html" : "text/javascript",
          });
          response.end(content);
        },
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    },
    { port: 0, host: "127.0.0.1", name: "The strict pages" },
  );
  return { url: `http://127.0.0.1:${port}`, close: () => closeServer(server) };
}

async function buildPage(): Promise<ReadonlyMap<string, string>> {
  const output = await build({
    root,
    configFile: path.join(root, "vite.config.ts"),
    mode: "strict-page",
    logLevel: "error",
    build: {
      write: false,
      copyPublicDir: false,
      modulePreload: false,
      rolldownOptions: {
        input: ["strict-page.ts", "durable-page.ts", "sign-in-page.ts", "signed-in-page.ts"].map((name) =>
          path.join(import.meta.dirname, name),
        ),
        output: { entryFileNames: "[name].js" },
      },
    },
  });
  const files = (Array.isArray(output) ? output : [output]).flatMap((one) =>
    "output" in one ? one.output : [],
  );
  return new Map(
    files.map((file) => [file.fileName, file.type === "chunk" ? file.code : file.source.toString()]),
  );
}
