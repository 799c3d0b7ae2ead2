import { findEager, readModules } from "./tests/package/dist-modules.ts";

const modules = await readModules("dist");
const eager = findEager(modules, "index.js");
const devtools = findEager(modules, "devtools.js");

export default [
  {
    name: "the entry and all that loads with it",
    path: eager.map(({ path }) => `dist/${path}`),
    gzip: true,
    limit: "35 kB",
  },
  {
    name: "the devtools and all that loads with them",
    path: devtools.map(({ path }) => `dist/${path}`),
    gzip: true,
    limit: "20 kB",
  },
];
