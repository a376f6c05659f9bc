"""Programs of tests on a file system of their own that is really small."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def told_on(folder: Path, disk: int, story: str, *arguments: object) -> str:
    """What the program `story` prints, with `folder` a disk of so many bytes as its first argument. Skips where nothing
    may be mounted.
    """
    mount = f'mount -t tmpfs -o size={disk} none "$1" && exec "$0" -c "$2" "$1" {" ".join(map(str, arguments))}'
    ran = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, sys.executable, str(folder), story],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    if "unshare" in ran.stderr or "mount:" in ran.stderr:
        pytest.skip("no filesystem may be mounted here")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
