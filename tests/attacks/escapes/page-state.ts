import type { PlantedSecrets } from "../setup/planted-secrets.ts";

/** What programs must not change on the page, written down to compare. */
interface PageState {
  readonly builtins: readonly unknown[];
  readonly names: readonly string[];
  readonly storage: readonly string[];
}

const BUILTINS: readonly (() => unknown)[] = [
  () => Object.keys(Object.prototype).join(),
  () => Array.prototype.map,
  () => Array.prototype[Symbol.iterator],
  () => Promise.prototype.then,
  () => JSON.stringify,
  () => JSON.parse,
];

/** Names of globals that attacks set: others may come with code that loads late. */
const MARK = /pwned|tapped|polluted/i;

/** Watches the page from here to the call of the returned function, which tells what changed. */
export async function watchPageState(
  nonce: string,
  planted: PlantedSecrets,
): Promise<() => Promise<readonly string[]>> {
  const before = await readState(nonce);
  const heardBefore = planted.heard.length;
  const messages: string[] = [];
  const hear = ({ data }: MessageEvent<unknown>): void => {
    const text = describe(data);
    if (text.includes(nonce)) messages.push(`message: ${text.slice(0, 80)}`);
  };
  addEventListener("message", hear);
  return async () => {
    removeEventListener("message", hear);
    const after = await readState(nonce);
    return [
      ...after.builtins.flatMap((value, at) => (value === before.builtins[at] ? [] : [`builtin ${at}`])),
      ...after.names.filter((name) => !before.names.includes(name)).map((name) => `global ${name}`),
      ...after.storage.filter((name) => !before.storage.includes(name)).map((name) => `storage ${name}`),
      ...planted.heard.slice(heardBefore).map((text) => `channel ${text.slice(0, 40)}`),
      ...messages,
    ];
  };
}

async function readState(nonce: string): Promise<PageState> {
  const databases = await indexedDB.databases();
  const registrations = (await navigator.serviceWorker?.getRegistrations()) ?? [];
  return {
    builtins: BUILTINS.map((read) => read()),
    names: Object.getOwnPropertyNames(globalThis).filter((name) => MARK.test(name)),
    storage: [
      ...databases.map(({ name = "" }) => name),
      ...(await caches.keys()),
      ...Object.keys(localStorage),
    ]
      .filter((name) => name.includes(nonce))
      .concat(registrations.map(({ scope }) => scope))
      .concat(document.documentElement.outerHTML.includes(nonce) ? ["a document"] : []),
  };
}

/** Whatever was posted, as text; never fails. */
function describe(data: unknown): string {
  try {
    return typeof data === "string" ? data : JSON.stringify(data);
  } catch {
    return "";
  }
}
