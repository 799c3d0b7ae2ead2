import { SHARED_SESSION } from "../sessions/session-names.ts";
import type { ShapeStore } from "../tools/observed-shapes.ts";
import type { OpenArea } from "./open-area.ts";

/** Keeps what was learned of results where contexts are kept. */
export function createShapeStore(openArea: OpenArea): ShapeStore {
  const shapes = openArea(SHARED_SESSION, "shapes");
  return {
    async load() {
      const json = await shapes.get("all");
      return typeof json === "string" ? json : undefined;
    },
    save: (json) => shapes.set("all", json),
  };
}
