// What arbitrary code in a worker tries in order to get out. Runs as it is, in the sandbox and in the
// controls; `HTTP`, `WS` and `PLANTED` are defined before it. Reports [what, what came of it].
async function reach() {
  const report = {};
  const attempt = async (name, act) => {
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(() => resolve("no answer"), 2500);
    });
    try {
      report[name] = String(await Promise.race([act(), late])).slice(0, 200);
    } catch (error) {
      report[name] = `refused ${error?.name}`;
    }
    clearTimeout(timer);
  };
  const event = (target, good, bad) =>
    new Promise((resolve, reject) => {
      target.addEventListener(good, (at) => resolve(at.data ?? good), { once: true });
      target.addEventListener(bad, () => reject(new Error(bad)), { once: true });
    });
  const request = (asked) =>
    new Promise((resolve, reject) => {
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  const blob = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const nested = (body) => event(new Worker(blob(`(async () => postMessage(await (${body})().then(String, (e) => "refused " + e.name)))()`)), "message", "error");
  await Promise.all([
    attempt("fetch", () => fetch(`${HTTP}fetch`)),
    attempt("fetch-no-cors", () => fetch(`${HTTP}fetch-no-cors`, { mode: "no-cors" })),
    attempt("fetch-keepalive", () => fetch(`${HTTP}fetch-keepalive`, { method: "POST", mode: "no-cors", keepalive: true, body: "x" })),
    attempt("fetch-cookies", () => fetch(`${HTTP}fetch-cookies`, { credentials: "include" })),
    attempt("sync-xhr", () => {
      const xhr = new XMLHttpRequest();
      xhr.open("GET", `${HTTP}sync-xhr`, false);
      xhr.send();
      return xhr.status;
    }),
    attempt("websocket", () => event(new WebSocket(`${WS}websocket`), "open", "error")),
    attempt("websocket-stream", () => new WebSocketStream(`${WS}websocket-stream`).opened),
    attempt("event-source", () => event(new EventSource(`${HTTP}event-source`), "message", "error")),
    attempt("web-transport", () => new WebTransport(`${HTTP.replace("http:", "https:")}web-transport`).ready),
    attempt("import-scripts", () => importScripts(`${HTTP}import-scripts`)),
    attempt("import", () => import(`${HTTP}import`)),
    attempt("worker-url", () => event(new Worker(`${HTTP}worker-url`), "message", "error")),
    attempt("shared-worker", () => event(new SharedWorker(`${HTTP}shared-worker`), "message", "error")),
    attempt("beacon", () => navigator.sendBeacon(`${HTTP}beacon`, "x")),
    attempt("nested-fetch", () => nested(`async () => fetch(${JSON.stringify(`${HTTP}nested-fetch`)})`)),
    attempt("nested-import", () => nested(`async () => importScripts(${JSON.stringify(`${HTTP}nested-import`)})`)),
    attempt("font", () => new FontFace("leak", `url(${HTTP}font)`).load()),
    attempt("service-worker", () => navigator.serviceWorker.register(`${HTTP}service-worker`)),
    attempt("push", () => registration.pushManager.subscribe()),
    attempt("eval", () => (0, eval)("40 + 2")),
    attempt("function", () => new Function("return 42")()),
    attempt("timeout-text", () => new Promise((resolve) => {
      self.said = resolve;
      setTimeout("self.said(42)", 1);
    })),
    attempt("import-blob", () => import(blob("export default 42"))),
    attempt("import-data", () => import("data:text/javascript,export default 42")),
    attempt("indexed-db", async () => {
      const database = await request(indexedDB.open(PLANTED));
      return request(database.transaction("store").objectStore("store").get("key"));
    }),
    attempt("cache", async () => (await (await caches.open(PLANTED)).matchAll())[0].text()),
    attempt("opfs", async () => {
      const directory = await navigator.storage.getDirectory();
      return (await (await directory.getFileHandle(PLANTED)).getFile()).text();
    }),
    attempt("lock", async () => (await navigator.locks.query()).held.map(({ name }) => name).join()),
    attempt("broadcast", () => {
      const channel = new BroadcastChannel(PLANTED);
      const answer = event(channel, "message", "messageerror");
      channel.postMessage("hello");
      return answer;
    }),
    attempt("cookie-store", async () => (await cookieStore.getAll()).map(({ value }) => value).join()),
    attempt("page-url", () => [location.href, location.ancestorOrigins?.[0], self.name].join()),
    attempt("parent", () => parent.document.title),
    attempt("opener", () => opener.document.title),
    attempt("shared-memory", () => new SharedArrayBuffer(8).byteLength),
  ]);
  return report;
}
