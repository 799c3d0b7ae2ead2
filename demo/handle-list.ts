import { isJsonObject, type Json } from "../src/base/json.ts";
import type { Optimizer } from "../src/index.ts";
import { jsonView } from "./code-view.ts";
import { element } from "./element.ts";
import { formatBytes } from "./format.ts";

/** Most handles of one value that get a button. */
const MAX_HANDLES = 5;

interface Kept {
  readonly handle: string;
  readonly type: string;
  readonly bytes: number;
}

/** Buttons that fetch what stayed behind: it is in the session, and no model has read it. */
export function handleList(value: Json, open: Optimizer["open"]): readonly HTMLElement[] {
  const handles = findHandles(value).slice(0, MAX_HANDLES);
  if (handles.length === 0) return [];
  const place = element("div", { class: "opened", role: "status" });
  const buttons = handles.map(({ handle, type, bytes }) => {
    const button = element(
      "button",
      { type: "button", class: "quiet" },
      `Open ${type}, ${formatBytes(bytes)}`,
    );
    button.addEventListener("click", () => void show(handle, place, open));
    return button;
  });
  return [
    element(
      "p",
      {},
      element("strong", {}, "Stayed behind. "),
      "A later program opens it with context.open(handle).",
    ),
    element("div", { class: "choices" }, ...buttons),
    place,
  ];
}

async function show(handle: string, place: HTMLElement, open: Optimizer["open"]): Promise<void> {
  try {
    const { type, value } = await open(handle);
    place.replaceChildren(
      value instanceof Uint8Array ? await bytesView(value, type) : jsonView(value, "What stayed behind"),
    );
  } catch (error) {
    place.textContent = error instanceof Error ? error.message : String(error);
  }
}

async function bytesView(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<HTMLElement> {
  if (!type.startsWith("image/")) return element("p", {}, `${formatBytes(bytes.length)} of ${type}`);
  const image = element("img", { alt: "The image that the program returned" });
  // A picture of bytes: whatever they hold, nothing of it runs.
  image.src = URL.createObjectURL(new Blob([bytes], { type }));
  await image.decode().catch(() => {});
  URL.revokeObjectURL(image.src);
  return image;
}

function findHandles(value: Json): readonly Kept[] {
  if (Array.isArray(value)) return value.flatMap(findHandles);
  if (!isJsonObject(value)) return [];
  const { handle, type, bytes } = value;
  if (typeof handle === "string" && typeof type === "string" && typeof bytes === "number")
    return [{ handle, type, bytes }];
  return Object.values(value).flatMap(findHandles);
}
