"""A Linux kernel that runs as an ordinary process (User-Mode Linux), with simulated GPIO chips and disks.

Debian's own kernels have no gpio-sim, and older User-Mode Linux fails on processors with large registers. So it is
built from the kernel source of `SUITE`, fetched by apt from the mirror that this machine uses, into folders of ours:
nothing is installed and apt's own lists stay as they are.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / ".lab"
LINUX = LAB / "linux"
SUITE = "trixie-backports"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
TOOLS = ("gcc", "make", "flex", "bison", "bc", "xz", "dpkg-deb", "apt-get")

OPTIONS = """
64BIT PRINTK TTY STDERR_CONSOLE SSL NULL_CHAN BINFMT_ELF BINFMT_SCRIPT PROC_FS PROC_SYSCTL SYSFS TMPFS TMPFS_XATTR
TMPFS_POSIX_ACL DEVTMPFS DEVTMPFS_MOUNT HOSTFS OVERLAY_FS MULTIUSER SYSVIPC FUTEX EPOLL SIGNALFD TIMERFD EVENTFD SHMEM
AIO ADVISE_SYSCALLS MEMBARRIER FHANDLE INOTIFY_USER FILE_LOCKING POSIX_TIMERS HIGH_RES_TIMERS KALLSYMS CGROUPS MEMCG
CGROUP_PIDS CGROUP_SCHED FAIR_GROUP_SCHED CFS_BANDWIDTH CGROUP_DEVICE CGROUP_BPF BPF_SYSCALL NAMESPACES UTS_NS IPC_NS
PID_NS NET_NS USER_NS SECCOMP SECCOMP_FILTER NET INET UNIX NETDEVICES CONFIGFS_FS EXPERT GPIOLIB GPIO_CDEV GPIO_SIM
UNIX98_PTYS AUTOFS_FS MAGIC_SYSRQ RTC_CLASS BLOCK BLK_DEV BLK_DEV_UBD EXT4_FS EXT4_FS_POSIX_ACL
"""


class LabError(Exception):
    """Why there is no kernel; one sentence."""


def lacking() -> list[str]:
    """What the one that is there was built without, of OPTIONS; it may be of an older checkout. Raises LabError."""
    return _not_chosen(_run(str(LINUX), "--showconfig"))


def build() -> str:
    """Build it where it is missing, or lacks something; says where it lies. Raises LabError."""
    if LINUX.exists() and not lacking():
        return f"{LINUX} is there already; remove it to have it built anew"
    if platform.machine() != "x86_64":
        raise LabError(f"User-Mode Linux needs an x86-64 machine, this one is {platform.machine()}")
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        raise LabError(f"{', '.join(missing)} is missing; as root: deploy/apt-install lab-kernel")
    work = LAB / "build"
    shutil.rmtree(work, ignore_errors=True)
    try:
        source = _unpacked(work, _fetched(work))
        print("building, some minutes …", flush=True)
        _configure(source, work / "out")
        _run("make", "-s", "ARCH=um", f"O={work / 'out'}", f"-j{os.cpu_count()}", "linux", cwd=source)
        shutil.copy2(work / "out" / "linux", LINUX.with_suffix(".new"))
        LINUX.with_suffix(".new").rename(LINUX)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return f"{LINUX} is built; now: ./evse lab-kernel test"


def _fetched(work: Path) -> Path:
    """The package with the source, the oldest of the suite: that one is proven longest. Raises LabError."""
    mirror = _run("apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages")
    debian = sorted({line.split()[1] for line in mirror.splitlines() if line.startswith("Debian http")})
    if not debian:
        raise LabError("apt of this machine knows no mirror of Debian, and the source comes from there")
    apt = work / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "sources.list").write_text(f"deb [signed-by={KEYRING}] {debian[0]} {SUITE} main\n")
    (apt / "apt.conf").write_text(
        f'Dir::State "{apt}/state";\nDir::State::status "/var/lib/dpkg/status";\nDir::Cache "{apt}/cache";\n'
        f'Dir::Etc::SourceList "{apt}/sources.list";\nDir::Etc::SourceParts "/dev/null";\nAPT::Sandbox::User "root";\n'
    )
    own = str(apt / "apt.conf")
    print(f"fetching the kernel source of {SUITE}, about 170 MB …", flush=True)
    _run("apt-get", "-qq", "update", APT_CONFIG=own)
    names = _run("apt-cache", "pkgnames", "linux-source-", APT_CONFIG=own).split()
    versions = sorted(
        tuple(map(int, v.groups())) for n in names if (v := re.fullmatch(r"linux-source-(\d+)\.(\d+)", n))
    )
    if not versions:
        raise LabError(f"{SUITE} has no linux-source package on this mirror")
    _run("apt-get", "-qq", "download", "linux-source-{}.{}".format(*versions[0]), cwd=work, APT_CONFIG=own)
    return next(work.glob("linux-source-*.deb"))


def _unpacked(work: Path, package: Path) -> Path:
    """The folder of the source."""
    _run("dpkg-deb", "-x", str(package), str(work / "package"))
    source = work / "source"
    source.mkdir()
    archive = next((work / "package" / "usr" / "src").glob("linux-source-*.tar.xz"))
    _run("tar", "-xf", str(archive), "-C", str(source), "--strip-components=1")
    return source


def _configure(source: Path, out: Path) -> None:
    """The smallest kernel, and OPTIONS. Raises LabError for one that it does not take."""
    _run("make", "-s", "ARCH=um", f"O={out}", "tinyconfig", cwd=source)
    chosen = [word for option in OPTIONS.split() for word in ("-e", option)]
    _run("scripts/config", "--file", str(out / ".config"), *chosen, cwd=source)
    _run("make", "-s", "ARCH=um", f"O={out}", "olddefconfig", cwd=source)
    if refused := _not_chosen((out / ".config").read_text()):
        raise LabError(f"the source of {SUITE} cannot be configured with {', '.join(refused)} any more")


def _not_chosen(config: str) -> list[str]:
    chosen = set(config.splitlines())
    return [option for option in OPTIONS.split() if f"CONFIG_{option}=y" not in chosen]


def _run(*command: str, cwd: Path | None = None, **environment: str) -> str:
    """What a program printed. Raises LabError with its last line."""
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise LabError(f"{' '.join(command[:4])} failed: {last}")
    return done.stdout
