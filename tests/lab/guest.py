"""The machine of the lab: this machine's files, read-only below a layer in memory, systemd, and one service: stories.

Whatever the guest writes is gone with it, and it has no network.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.kernel import ROOT

INIT = Path(__file__).with_name("init")
LONGEST_S = 300
# The stories write to tty0, which is our pipe; systemd's and the kernel's own console is nowhere.
OPTIONS = [
    "root=/dev/root",
    "rootfstype=hostfs",
    "rootflags=/",
    "ro",
    "con=null",
    "con0=null,fd:1",
    "ssl=null",
    "console=tty1",
    "quiet",
]
END = "lab: the stories ended with "


def command_line(linux: Path, folder: str, stage: str, *more: str) -> list[str]:
    """Boots it. `folder` is for its own files and emptied by it; `stage` is the script that goes on after `init`."""
    lab = [f"uml_dir={folder}/", "umid=evse", f"init={INIT}", f"evse_root={ROOT}", f"evse_stage={stage}"]
    return [str(linux), *OPTIONS, *lab, *more]


def tell(linux: Path) -> int:
    """Boot it and let it tell all stories; returns their exit code, 1 if it did not come so far."""
    ended = None
    # It empties its folder when it ends, so the folder holds nothing else.
    with tempfile.TemporaryDirectory(prefix="evse-lab-") as folder:
        command = command_line(linux, folder, "tests/lab/tell", "mem=512M")
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(["timeout", "--kill-after=2", str(LONGEST_S), *command], text=True, **options) as machine:  # type: ignore[call-overload]
            try:
                for line in machine.stdout:
                    if line.startswith(END):
                        ended = int(line.removeprefix(END))
                    elif ended is None:
                        sys.stdout.write(line)
                        sys.stdout.flush()
            except KeyboardInterrupt:
                machine.terminate()
                machine.wait()
                raise
    print(f"lab-kernel {'passed' if ended == 0 else 'FAILED'}")
    return 0 if ended == 0 else 1
