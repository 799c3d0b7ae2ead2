// @ts-check
/**
 * What the suite starts as the client of each scenario: `node command.mjs <harness> <server>`.
 *
 * It hands the scenario to the harness, where a Node process or a page runs it, and prints `as expected` when
 * it ended as it should. The suite alone would not notice a client that gives up halfway.
 */
const [harness, serverUrl] = process.argv.slice(2);
if (harness === undefined) throw new Error("The harness is missing.");
const scenario = process.env["MCP_CONFORMANCE_SCENARIO"];
/** @type {unknown} */
const context = JSON.parse(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}");
const response = await fetch(harness, {
  method: "POST",
  body: JSON.stringify({ scenario, serverUrl, context }),
});
if (response.ok) console.log("as expected");
else {
  console.error(await response.text());
  process.exitCode = 1;
}
