# The first process of a microVM: mounts what a runner needs, becomes nobody, and hands the runner a connection to
# the host as its standard input and output. Its arguments: the language, and limits for bytes, tasks and files.
import ctypes, os, resource, socket, sys

language, disk_bytes, processes, file_handles = sys.argv[1], *map(int, sys.argv[2:5])
libc = ctypes.CDLL(None, use_errno=True)


def mount(kind, target, flags, options):
    if libc.mount(kind.encode(), target.encode(), kind.encode(), flags, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), target)


NOSUID, NODEV, NOEXEC = 2, 4, 8
mount("proc", "/proc", NOSUID | NODEV | NOEXEC, "")
mount("devtmpfs", "/dev", NOSUID | NOEXEC, "")
mount("tmpfs", "/tmp", NOSUID | NODEV | NOEXEC, f"size={disk_bytes},mode=1777")
stream = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
stream.connect((socket.VMADDR_CID_HOST, 52))
for descriptor in (0, 1):
    os.dup2(stream.fileno(), descriptor)
for kind, most in (
    (resource.RLIMIT_NPROC, processes),
    (resource.RLIMIT_NOFILE, file_handles),
    (resource.RLIMIT_CORE, 0),
):
    resource.setrlimit(kind, (most, most))
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
os.chdir("/tmp")
command = {
    "javascript": ["/usr/local/bin/node", "/opt/mcp-optimizer/runner.cjs"],
    "python": ["/usr/local/bin/python3", "-I", "-B", "/opt/mcp-optimizer/runner.py"],
}[language]
os.execve(command[0], command, {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "MALLOC_ARENA_MAX": "1"})
