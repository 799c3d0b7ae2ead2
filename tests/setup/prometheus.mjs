// @ts-check
import { ensureByApt, findOnPath } from "./browser.mjs";

/** @typedef {import("./prepare.mjs").Context} Context */

/**
 * A `prometheus`, with its `promtool`: an installed one, else on Debian one installed now. Undefined where none is to be
 * had: its suites are skipped then, and say so.
 * @param {Context} context
 * @returns {Promise<string | undefined>}
 */
export async function ensurePrometheus(context) {
  return ensureByApt(context, findPrometheus, ["prometheus"]);
}

/** @returns {string | undefined} */
export function findPrometheus() {
  return findOnPath("prometheus", { platform: process.platform, env: process.env });
}
