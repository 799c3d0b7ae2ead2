// @ts-check
import { ensureByApt, findOnPath } from "./browser.mjs";

/** @typedef {import("./prepare.mjs").Context} Context */

/**
 * A `redis-server`: an installed one, else on Debian one installed now. Undefined where none is to be had: its suites
 * are skipped then, and say so.
 * @param {Context} context
 * @returns {Promise<string | undefined>}
 */
export async function ensureRedis(context) {
  return ensureByApt(context, findRedis, ["redis-server"]);
}

/** @returns {string | undefined} */
export function findRedis() {
  return findOnPath("redis-server", { platform: process.platform, env: process.env });
}
