"""The README and the pages name only files that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def test_every_file_that_the_readme_names_is_there() -> None:
    named = set(re.findall(r"`((?:hal|evsed|deploy|systemd|tests|docs)/[\w./-]+)`", README.read_text())) - {
        "hal/drivers/meters/NAME.toml",
        "hal/boards/NAME.toml",
    }
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
