"""Judge the units by systemd's own tools: `verify` finds misspelt keys and missing things, `security` the open doors.

The programs of the units live in /opt/evsed on a wallbox and not on this machine. So the files are laid out below an
empty folder by the installer itself, /opt/evsed in them is turned into that folder, and its bin into this Python's.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TOOL = "systemd-analyze"
MOST_EXPOSED = 20  # tenths; an ordinary service of Debian has 96


def here() -> bool:
    """Whether systemd's tools are on this machine."""
    return shutil.which(TOOL) is not None


def lay_out(folder: Path) -> Path:
    """Install below `folder`; the folder of units whose programs exist. Raises CalledProcessError."""
    subprocess.run([ROOT / "deploy/install.sh", "--root", folder], check=True, capture_output=True)
    (folder / "opt/evsed/bin").symlink_to(Path(sys.executable).parent)
    units = folder / "etc/systemd/system"
    for unit in units.iterdir():
        unit.write_text(unit.read_text().replace("/opt/evsed/", f"{folder}/opt/evsed/"))
    return units


def complaints(units: Path) -> list[str]:
    """What `verify` has to say of the folder's units; [] is clean."""
    names = sorted(str(unit) for unit in units.iterdir())
    done = subprocess.run(
        [TOOL, "verify", "--recursive-errors=yes", *names], check=False, capture_output=True, text=True
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return said if said or done.returncode == 0 else [f"{TOOL} verify ended with {done.returncode} and said nothing"]


def exposure(unit: Path) -> tuple[bool, str]:
    """Whether the service passes the threshold, and systemd's verdict on it."""
    done = subprocess.run(
        [TOOL, "security", "--offline=yes", f"--threshold={MOST_EXPOSED}", "--no-pager", str(unit)],
        check=False,
        capture_output=True,
        text=True,
    )
    verdict = (done.stdout + done.stderr).strip().splitlines()[-1:] or ["no verdict"]
    return done.returncode == 0, verdict[0]
