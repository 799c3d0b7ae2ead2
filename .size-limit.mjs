import { findEager, readModules } from "./tests/package/dist-modules.ts";

const eager = findEager(await readModules("dist"), "index.js");

export default [
  {
    name: "the entry and all that loads with it",
    path: eager.map(({ path }) => `dist/${path}`),
    gzip: true,
    limit: "35 kB",
  },
];
