"""The program `openssl` as a child, for what takes cryptography: a memory of its own, kept up to date by the operating
system, and no configuration file that could change its mind.

What it says on stderr is shown to nobody; only whether it agrees counts.
"""

from __future__ import annotations

import os
import subprocess
from typing import IO

PROGRAM = "openssl"
LONGEST_S = 120


class NoOpenssl(Exception):
    """It can't be asked; the text is a sentence."""


def openssl(*arguments: str, given: IO[bytes] | bytes = b"") -> str | None:
    """What it says; None if it does not agree. Blocks. Raises NoOpenssl."""
    told, source = (given, None) if isinstance(given, bytes) else (None, given)
    try:
        done = subprocess.run(  # noqa: S603 - a list, and no shell
            (PROGRAM, *arguments),
            input=told,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath), "OPENSSL_CONF": os.devnull},
            timeout=LONGEST_S,
            check=False,
        )
    except FileNotFoundError:
        raise NoOpenssl("openssl is missing; install it: apt install openssl") from None
    except subprocess.TimeoutExpired:
        raise NoOpenssl("openssl takes too long") from None
    return done.stdout.decode("ascii", errors="replace") if done.returncode == 0 else None
