// Programs in Python that want the host: its files, its processes, its network, its resources.

import { type HostCase, INERT_OR_ENDED, TIMEOUT } from "./host-case.ts";

/** Gives what each act gives, or the name of its error. An act is an expression. */
const attempts = (...acts: readonly string[]): string =>
  `out = []
def attempt(act):
    try:
        out.append(str(act())[:4000])
    except BaseException as error:
        out.append(type(error).__name__)
${acts.map((act) => `attempt(lambda: ${act})`).join("\n")}
"; ".join(out)`;

const read = (file: string): string => `open(${file}, "rb").read(4000).decode("latin1")`;

/** Numbers of calls on x86_64 and aarch64, with arguments that do no harm where the call is let through. */
const CALLS = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
x64 = os.uname().machine == "x86_64"
def call(x64_number, arm64_number, *arguments):
    ctypes.set_errno(0)
    return 0 if libc.syscall(x64_number if x64 else arm64_number, *arguments) >= 0 else ctypes.get_errno()
`;

/** Makes forks that can be found by their name, and that signals of politeness do not end. */
const DAEMON = `
import os, signal, time
def daemon():
    if os.fork() > 0:
        return
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    open("/proc/self/comm", "w").write(NONCE)
    while True:
        time.sleep(0.1)
`;

const python = (one: Omit<HostCase, "language">): HostCase => ({ ...one, language: "python" });

export const PYTHON_HOST_CASES: readonly HostCase[] = [
  python({
    id: "py-host-files",
    covers: ["PUB-OS-01", "PUB-ESC-01"],
    wants: "files of the host: secrets, other processes' environments and memory",
    code: `import glob, os\n${attempts(
      read('HOST_DIR + "/planted.txt"'),
      read('f"/proc/{HOST_PID}/environ"'),
      read('f"/proc/{HOST_PID}/root" + HOST_DIR + "/planted.txt"'),
      read('"/proc/1/environ"'),
      read('"/proc/1/root" + HOST_DIR + "/planted.txt"'),
      '"".join(open(name, "rb").read(4000).decode("latin1") for name in glob.glob("/proc/[0-9]*/environ"))',
      read('"/proc/self/cwd/../../../../../../" + HOST_DIR + "/planted.txt"'),
      'os.popen("cat " + HOST_DIR + "/planted.txt").read()',
      "dict(os.environ)",
    )}`,
    trips: ["secret"],
  }),
  python({
    id: "py-host-root-files",
    covers: ["PUB-OS-01"],
    wants: "what only root may read",
    code: `def first(name):
    try:
        return CLAIM if open(name, "rb").read(1) else "empty"
    except OSError as error:
        return type(error).__name__
[first(name) for name in ("/etc/shadow", "/etc/gshadow", "/proc/kcore", "/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/nvme0n1")]`,
    trips: ["claim"],
  }),
  python({
    id: "py-host-writes",
    covers: ["PUB-OS-01"],
    wants: "to leave a file on the host",
    code: `import os
made = []
for folder in (HOST_DIR, "/tmp", "/var/tmp", "/dev/shm", "/usr", "/usr/bin", "/etc", "/", "/opt", f"/proc/{HOST_PID}/cwd", "/proc/1/root/tmp"):
    try:
        open(f"{folder}/{NONCE}", "w").write("x")
        made.append(folder)
    except OSError:
        pass
len(made)`,
    trips: ["written"],
  }),
  python({
    id: "py-host-sockets",
    covers: ["PUB-OS-01", "PUB-NET-09"],
    wants: "the network, the host's loopback, its local sockets, the engine of containers",
    code: `import socket\n${attempts(
      'socket.create_connection(("127.0.0.1", PORT), 2)',
      'socket.create_connection(("localhost", PORT), 2)',
      "(lambda s: s.connect(SOCKET))(socket.socket(socket.AF_UNIX))",
      '(lambda s: s.connect("\\0" + HIDDEN))(socket.socket(socket.AF_UNIX))',
      '(lambda s: s.sendto(b"x", ("127.0.0.1", UDP_PORT)))(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))',
      '(lambda s: s.sendto(b"x", SOCKET))(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))',
      '(lambda s: s.connect("/var/run/docker.sock"))(socket.socket(socket.AF_UNIX)) or CLAIM',
      '(lambda s: s.connect("/run/containerd/containerd.sock"))(socket.socket(socket.AF_UNIX)) or CLAIM',
      "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
      "socket.socket(40, socket.SOCK_STREAM, 0).connect((2, 22)) or CLAIM",
    )}`,
    trips: ["network"],
  }),
  python({
    id: "py-privileges",
    covers: ["PUB-OS-01"],
    wants: "to be somebody, or to become it",
    code: `import os
status = dict(line.rstrip("\\n").split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
powers = [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")]
held = any(powers) or status["NoNewPrivs"] != "1" or status["Seccomp"] != "2" or os.getuid() == 0
for become in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.chroot("/tmp"), lambda: os.nice(-5), lambda: os.sethostname("x") if hasattr(os, "sethostname") else os.chown("/tmp", 0, 0)):
    try:
        become()
        held = True
    except OSError:
        pass
CLAIM if held else "nobody"`,
    trips: ["claim"],
  }),
  python({
    id: "py-kernel-calls",
    covers: ["PUB-OS-01", "PUB-ESC-02"],
    wants: "calls of the kernel that lead out: namespaces, mounts, keys, tracing, programs in the kernel",
    code: `${CALLS}
refused = (1, 13, 38)  # EPERM, EACCES, ENOSYS
reached = {name: code for name, code in {
    "unshare": call(272, 97, 0x10000000), "mount": call(165, 40, b"none", b"/mnt", b"tmpfs", 0, 0),
    "ptrace": call(101, 117, 0, 0, 0, 0), "keyctl": call(250, 219, 0, -3, 1), "bpf": call(321, 280, 0, 0, 0),
    "perf_event_open": call(298, 241, 0, 0, -1, -1, 0), "io_uring_setup": call(425, 425, 1, 0),
    "userfaultfd": call(323, 282, 0), "process_vm_readv": call(310, 270, os.getppid(), 0, 0, 0, 0, 0),
    "open_by_handle_at": call(304, 265, -1, 0, 0), "memfd_create": call(319, 279, b"x", 0), "setns": call(308, 268, -1, 0),
    "clone": call(56, 220, 0x10000000 | 0x200, 0, 0, 0, 0), "fsopen": call(430, 430, b"tmpfs", 0), "clone3": call(435, 435, 0, 0),
    "pidfd_getfd": call(438, 438, -1, 0, 0), "kexec_load": call(246, 104, 0, 0, 0, 0), "personality": call(135, 92, 0x0040000),
}.items() if code not in refused}
[CLAIM, reached] if reached else "refused"`,
    ends: INERT_OR_ENDED,
    trips: ["claim"],
  }),
  python({
    id: "py-host-processes",
    covers: ["PUB-OS-01"],
    wants: "to see, trace or signal processes of the host",
    code: `import os
seen = [name for name in os.listdir("/proc") if name.isdigit()]
out = [f"{len(seen)} seen"]
try:
    os.kill(HOST_PID, 0)
    comm = open(f"/proc/{HOST_PID}/comm").read()
    out.append(CLAIM if "sh" not in comm and len(seen) > 10 else comm)
except OSError as error:
    out.append(type(error).__name__)
out`,
    trips: ["claim"],
  }),
  python({
    id: "py-daemons",
    covers: ["PUB-OS-02"],
    wants: "processes that live on: forked twice, in sessions of their own, deaf to signals",
    code: `${DAEMON}
for _ in range(8): daemon()
time.sleep(0.3)
"left"`,
    trips: ["processes"],
  }),
  python({
    id: "py-fork-flood",
    covers: ["PUB-OS-02"],
    wants: "as many processes as the machine holds, and never to end",
    code: `${DAEMON}
count = 0
try:
    while count < 60:
        if os.fork() == 0:
            open("/proc/self/comm", "w").write(NONCE)
            time.sleep(60)
            os._exit(0)
        count += 1
    print(CLAIM)
except OSError as error:
    print(count, type(error).__name__)
while True: pass`,
    // The memory of each process counts too.
    ends: /^stopped (?:timeout|memory)$/,
    timeoutMs: 10_000,
    trips: ["claim"],
  }),
  python({
    id: "py-holds-output",
    covers: ["PUB-OS-02", "PUB-EXIT-01"],
    wants: "to keep whoever reads its output waiting: its output stays open in a process that it left",
    code: `${DAEMON}
daemon()
os.write(1, b"half a line")
time.sleep(0.2)
os._exit(0)`,
    ends: /^stopped crashed$/,
    trips: ["processes"],
  }),
  python({
    id: "py-stops-itself",
    covers: ["PUB-CPU-01", "PUB-EXIT-01"],
    wants: "never to answer: every process of it stops itself",
    code: `${DAEMON}
daemon()
time.sleep(0.3)
os.kill(0, signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGSTOP)
"went on"`,
    ends: /^(?:stopped (?:timeout|crashed)|returned)$/,
    timeoutMs: 2_000,
    trips: ["processes"],
  }),
  python({
    id: "py-deaf",
    covers: ["PUB-CPU-01", "PUB-CPU-03"],
    wants: "never to end: every signal is ignored, in a loop that is no Python",
    code: `import re, signal, threading
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
for _ in range(3): threading.Thread(target=lambda: re.match(r"(a+)+$", "a" * 64 + "b"), daemon=True).start()
re.match(r"(a+)+$", "a" * 64 + "b")`,
    ends: TIMEOUT,
    timeoutMs: 1_500,
    trips: "the plain process is ended by a signal that nobody can ignore",
  }),
  python({
    id: "py-memory-shared",
    covers: ["PUB-MEM-02", "PUB-MEM-03"],
    wants: "more memory than it may have, spread over processes",
    code: `import os, time
MIB = 2 ** 20
children = []
for _ in range(8):
    reading, writing = os.pipe()
    children.append(os.fork())
    if children[-1] == 0:
        open("/proc/self/comm", "w").write(NONCE)
        kept = b"x" * (64 * MIB)
        os.write(writing, b"1")
        time.sleep(30)
        os._exit(0)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
alive = sum(os.waitpid(child, os.WNOHANG) == (0, 0) for child in children)
[CLAIM] if alive == 8 else alive`,
    ends: INERT_OR_ENDED,
    trips: ["claim"],
  }),
  python({
    id: "py-disk",
    covers: ["PUB-OS-03"],
    wants: "the host's disk: more than it may write, in files, shared memory and links",
    code: `import os
total = 0
names = []
for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run", os.getcwd()):
    try:
        for number in range(4):
            names.append(f"{folder}/{NONCE}-{len(names)}")
            with open(names[-1], "wb") as file:
                for _ in range(12): total += file.write(b"x" * 2 ** 20)
    except OSError:
        pass
for name in names:
    try: os.unlink(name)
    except OSError: pass
CLAIM if total > 40 * 2 ** 20 else total`,
    ends: INERT_OR_ENDED,
    trips: ["claim"],
  }),
  python({
    id: "py-many-files",
    covers: ["PUB-OS-03"],
    wants: "more files than the file system has room for",
    code: `import os
os.mkdir("/tmp/" + NONCE)
count = 0
try:
    while True:
        os.symlink("x", f"/tmp/{NONCE}/{count}")
        count += 1
except OSError as error:
    count = type(error).__name__
count`,
    ends: INERT_OR_ENDED,
    timeoutMs: 3_000,
    trips: ["written", "next_run"],
    afterwards: `import os\n"clean" if not os.path.exists("/tmp/" + NONCE) else "found"`,
  }),
  python({
    id: "py-leaves",
    covers: ["PUB-POI-01", "PUB-POI-02", "PUB-POI-06"],
    wants: "the next run to find what this one left",
    code: `import os
for folder in ("/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~"), os.getcwd()):
    try: open(f"{folder}/{NONCE}", "w").write("left")
    except OSError: pass
"left"`,
    trips: ["written", "next_run"],
    afterwards: `import os
found = [folder for folder in ("/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~"), os.getcwd()) if os.path.exists(f"{folder}/{NONCE}")]
"clean" if not found else found`,
  }),
];
