"""The tables of site.toml that both processes obey: what one of them refuses, the other refuses too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evsed.site import SiteError
from evsed.site import load as evsed_reads
from hal.options import installation, parse
from hal.settings import SettingsError

BOARD = '[board]\nname = "sim"\n'
METER = '[[meter]]\nmodel = "sdm630"\nport = "/dev/ttyUSB0"\n'
OTHERS = '[station]\nidentity = "box"\n[access]\nmode = "free"\n'  # what evsed needs beside
LARGEST = 65_536

GOOD = {
    "least": BOARD,
    "limits": BOARD + "[limits]\nmax_ma = 6000\nfallback_ma = 6000\ngrace_s = 0\n",
    "voltage": BOARD + "[voltage]\nmin_v = 207\nmax_v = 253\ntrip_s = 5\nback_s = 30\n",
    "no fallback": BOARD + "[limits]\nfallback_ma = 0\n",
    "meter": BOARD + METER,
    "two on a line": BOARD + METER + METER + "evse = 2\naddress = 2\n",
    "own board": '[board]\nname = "/etc/evse/mine.toml"\n',
    "largest": BOARD + "#" * (LARGEST - len(BOARD + OTHERS)),
}
BAD = {
    "empty": "",
    "no board": "[limits]\n",
    "unnamed board": '[board]\nname = ""\n',
    "unknown key": BOARD + 'kind = "x"\n',
    "voltages in disorder": BOARD + "[voltage]\nmin_v = 220\n",
    "no room between voltages": BOARD + "[voltage]\nback_min_v = 230\nback_max_v = 230\n",
    "fallback too small": BOARD + "[limits]\nfallback_ma = 5999\n",
    "fallback above most": BOARD + "[limits]\nmax_ma = 10000\nfallback_ma = 10001\n",
    "most too small": BOARD + "[limits]\nmax_ma = 5999\nfallback_ma = 0\n",
    "most too large": BOARD + "[limits]\nmax_ma = 80001\n",
    "grace too long": BOARD + "[limits]\ngrace_s = 3601\n",
    "text for a number": BOARD + '[limits]\nmax_ma = "16000"\n',
    "true for a number": BOARD + "[limits]\nmax_ma = true\n",
    "two meters": BOARD + METER + METER,
    "one address twice": BOARD + METER + METER + "evse = 2\n",
    "one line, two speeds": BOARD + METER + METER + "evse = 2\naddress = 2\nbaud = 2400\n",
    "outlet 9": BOARD + METER + "evse = 9\n",
    "relative port": BOARD + METER.replace("/dev/", ""),
    "parity": BOARD + METER + 'parity = "X"\n',
    "one table": BOARD + METER.replace("[[meter]]", "[meter]"),
    "byte order mark": "\ufeff" + BOARD,
    "too large": BOARD + "#" * LARGEST,
    "long number": BOARD + "[limits]\nmax_ma = " + "9" * 5_000 + "\n",
    "deep": BOARD + "x = " + "[" * 50_000 + "\n",
    "key twice": BOARD + 'name = "sim"\n',
    "no end": BOARD + "[limits\n",
}


def verdicts(path: Path) -> tuple[bool, bool]:
    """Whether (hal, evsed) takes the file."""
    return hal_takes(path), evsed_takes(path)


def hal_takes(path: Path) -> bool:
    try:
        installation(parse(["--site", str(path)]))
    except SettingsError as wrong:
        assert str(wrong).startswith(str(path)) and "\n" not in str(wrong)
        return False
    return True


def evsed_takes(path: Path) -> bool:
    try:
        evsed_reads(path)
    except SiteError:
        return False
    return True


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EVSE_BOARD", "EVSE_EVSES", "EVSE_HAL_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_one_takes_the_other_takes(tmp_path: Path, text: str) -> None:
    (tmp_path / "site.toml").write_text(text + OTHERS if "###" not in text else OTHERS + text)
    assert verdicts(tmp_path / "site.toml") == (True, True)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_one_refuses_the_other_refuses(tmp_path: Path, text: str) -> None:
    (tmp_path / "site.toml").write_text(text + ("" if text.endswith("#") else "\n" + OTHERS))
    assert verdicts(tmp_path / "site.toml") == (False, False)


def test_what_is_no_text_or_no_file_is_refused_by_both(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff" + BOARD.encode())
    os.mkfifo(tmp_path / "pipe")
    for name in ("bytes", "pipe", "nothing", ".", "a\0b"):
        assert verdicts(tmp_path / name) == (False, False), name
