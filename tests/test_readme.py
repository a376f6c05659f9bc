"""The README says what is so: its table of variables is the catalogue, and every file that it names is there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from evsed.core.catalogue import ALL

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- variables -->\n", "<!-- end of variables -->"


def table() -> str:
    rows = [
        "| 1.6 key | Component.Variable | takes | factory value | what it does |",
        "| --- | --- | --- | --- | --- |",
    ]
    for variable in sorted(ALL, key=lambda v: (not v.writable, v.path)):
        takes = variable.limits_text().split(" of ")[0] if variable.writable else "read only"
        default = variable.kind.text(variable.default).replace(",", ", ") or "(empty)"
        rows.append(f"| {variable.key16 or ''} | {variable.path} | {takes} | {default} | {variable.help} |")
    return "\n".join(rows) + "\n"


def test_readme_lists_every_variable_as_it_is() -> None:
    text = README.read_text()
    found = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert found == table(), "write it anew: python -m tests.test_readme"


def test_every_file_that_the_readme_names_is_there() -> None:
    named = set(re.findall(r"`((?:hal|evsed|deploy|systemd|tests)/[\w./-]+)`", README.read_text())) - {
        "hal/drivers/meters/NAME.toml",
        "hal/boards/NAME.toml",
    }
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def rewrite() -> None:
    """Put the table of today into the README."""
    text = README.read_text()
    README.write_text(text[: text.index(BEGIN) + len(BEGIN)] + table() + text[text.index(END) :])


if __name__ == "__main__":
    sys.exit(rewrite())
