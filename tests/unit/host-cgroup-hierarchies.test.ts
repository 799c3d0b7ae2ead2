import { expect, test } from "vitest";
import { parseHierarchies } from "../../src/host/sandbox/cgroup-hierarchies.ts";

const none = (): readonly string[] => [];

test("version 1: each hierarchy with its own mount and group", () => {
  const mountinfo = [
    "22 1 0:21 / / rw - ext4 /dev/vda rw",
    "31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct",
    "34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory",
    "39 30 0:36 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd",
    "40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate",
  ].join("\n");
  const membership = "9:name=systemd:/a.service\n4:memory:/a\n1:cpu,cpuacct:/\n0::/a.service\n";
  expect(parseHierarchies(mountinfo, membership, (own) => [`controllers of ${own}`])).toEqual([
    {
      version: 1,
      controllers: ["name=systemd"],
      mount: "/sys/fs/cgroup/systemd",
      own: "/sys/fs/cgroup/systemd/a.service",
    },
    { version: 1, controllers: ["memory"], mount: "/sys/fs/cgroup/memory", own: "/sys/fs/cgroup/memory/a" },
    {
      version: 1,
      controllers: ["cpu", "cpuacct"],
      mount: "/sys/fs/cgroup/cpu,cpuacct",
      own: "/sys/fs/cgroup/cpu,cpuacct/",
    },
    {
      version: 2,
      controllers: ["controllers of /sys/fs/cgroup/unified/a.service"],
      mount: "/sys/fs/cgroup/unified",
      own: "/sys/fs/cgroup/unified/a.service",
    },
  ]);
});

test.each([
  [
    "of a user's session",
    "/",
    "/user.slice/user-1000.slice/run.scope",
    "/cg/user.slice/user-1000.slice/run.scope",
  ],
  ["in a container that sees its own part", "/docker/1f", "/docker/1f/leaf", "/cg/leaf"],
  ["in a container with a namespace of its own", "/", "/", "/cg/"],
  ["in a container whose mount is another's", "/docker/1f", "/elsewhere", "/cg"],
  ["above the namespace", "/../..", "/", "/cg/"],
])("version 2 %s", (_, root, group, own) => {
  const mountinfo = `30 22 0:27 ${root} /cg rw shared:4 - cgroup2 cgroup rw`;
  expect(parseHierarchies(mountinfo, `0::${group}`, none)).toEqual([
    { version: 2, controllers: [], mount: "/cg", own },
  ]);
});

test("reads paths with blanks, and leaves out what is not mounted", () => {
  const mountinfo = "30 22 0:27 / /sys/c\\040g rw - cgroup cgroup rw,pids";
  expect(parseHierarchies(mountinfo, "5:memory:/\n4:pids:/a b\nnonsense", none)).toEqual([
    { version: 1, controllers: ["pids"], mount: "/sys/c g", own: "/sys/c g/a b" },
  ]);
});
