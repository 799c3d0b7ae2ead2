// A backend of StatsD: it appends what the server received, and what it made of that, to the file that the configuration names.
const { appendFileSync } = require("node:fs");

exports.init = (_startTime, config, events) => {
  const append = (entry) => appendFileSync(config.received, `${JSON.stringify(entry)}\n`);
  events.on("packet", (message) => append({ packet: String(message) }));
  events.on("flush", (_time, { counters, gauges }) => append({ counters, gauges }));
  return true;
};
