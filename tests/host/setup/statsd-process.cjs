// StatsD from the npm registry, as a process. It was written for a Node that had `util.log`.
require("node:util").log = () => {};
require("statsd/stats.js");
