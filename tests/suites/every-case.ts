/**
 * Whether every sandbox tries every case. Else the cases about a language alone (values, syntax, positions) run once
 * for each runner, and what runs the same runner in another place has the cases about the place.
 */
export const EVERY_CASE = process.env.MCP_OPTIMIZER_EVERY_CASE !== undefined;
