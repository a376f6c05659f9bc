"""The units: what they promise each other, what the installer lays out, and that the judges can say no."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from evsed.__main__ import EXIT_OF, UNUSABLE
from evsed.core.events import ResetKind
from hal.system import FIFO_PRIORITY
from tests import stand
from tests.systemd import units

ROOT = units.ROOT
SERVICES = sorted(path.name for path in (ROOT / "systemd").glob("*.service"))

pytestmark = pytest.mark.skipif(not units.here(), reason="systemd-analyze is not on this machine")


def settings(unit: str) -> dict[str, list[str]]:
    """The lines of a unit: key → values, in order."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "systemd" / unit).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def laid_out(tmp_path: Path) -> Path:
    return units.lay_out(tmp_path / "root")


def test_a_misspelt_key_and_a_missing_program_are_found(laid_out: Path) -> None:
    unit = laid_out / "evsed.service"
    unit.write_text(unit.read_text().replace("NoNewPrivileges=", "NoNewPriviledges="))
    assert any("NoNewPriviledges" in line for line in units.complaints(laid_out))
    unit.write_text(unit.read_text().replace("NoNewPriviledges=", "NoNewPrivileges=").replace("bin/evsed", "bin/gone"))
    assert any("bin/gone" in line for line in units.complaints(laid_out))


def test_the_next_start_hears_how_this_one_ended() -> None:
    has = settings("evsed.service")
    assert has["ExecStopPost"] == ["-/opt/evsed/bin/python -I -m evsed.farewell /run/evsed"]
    assert (has["RuntimeDirectory"], has["RuntimeDirectoryPreserve"]) == (["evsed"], ["yes"])
    assert Path(*(item.split("=")[1] for item in has["Environment"] if "CONTROL" in item)).parent == Path("/run/evsed")


def test_an_open_service_fails_the_threshold(laid_out: Path) -> None:
    unit = laid_out / "evsed.service"
    kept = [line for line in unit.read_text().splitlines() if not re.match("Protect|Restrict[A-Z]|SystemCall", line)]
    unit.write_text("\n".join(kept))
    passes, _ = units.exposure(unit)
    assert not passes


def test_every_unit_is_laid_out(laid_out: Path) -> None:
    ours = {path.name for path in (ROOT / "systemd").iterdir() if path.suffix in (".service", ".path", ".target")}
    assert {path.name for path in laid_out.iterdir()} == ours


def test_laying_out_again_keeps_the_site(tmp_path: Path) -> None:
    root = tmp_path / "root"
    site = root / "etc/evse/site.toml"
    units.lay_out(root)
    assert oct(site.stat().st_mode & 0o777) == "0o640"
    site.write_text("mine")
    subprocess.run([ROOT / "deploy/install.sh", "--root", root], check=True, capture_output=True)
    assert site.read_text() == "mine"


def test_the_installer_refuses_what_it_does_not_know() -> None:
    done = subprocess.run([ROOT / "deploy/install.sh", "--rot"], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "install: usage: deploy/install.sh [--root DIR | --help]\n"


def test_the_installer_tells_what_it_does() -> None:
    done = subprocess.run([ROOT / "deploy/install.sh", "--help"], check=True, capture_output=True, text=True)
    assert "sudo deploy/install.sh" in done.stdout and done.stderr == ""


def test_the_programs_are_on_the_path(tmp_path: Path) -> None:
    units.lay_out(tmp_path)
    for program in ("evsectl", "evsed", "evse-hal"):
        assert (tmp_path / "usr/local/bin" / program).readlink() == Path("/opt/evsed/bin", program)


@pytest.mark.parametrize("unit", ["evse-hal.service", "evsed.service"])
def test_both_daemons_are_watched_and_come_back(unit: str) -> None:
    has = settings(unit)
    assert has["Type"] == ["notify"]
    assert has["Restart"] == ["always"]
    assert has["OnFailure"] == ["evse-again@%p.service"]
    assert has["WatchdogSec"] and has["TimeoutAbortSec"]


def test_the_units_agree_with_the_programs_and_with_the_stand() -> None:
    hal, evsed = settings("evse-hal.service"), settings("evsed.service")
    assert hal["LimitRTPRIO"] == [str(FIFO_PRIORITY)]
    assert hal["LimitMEMLOCK"] == ["infinity"]  # the tick locks memory only where no limit can surprise it
    assert evsed["SuccessExitStatus"] == [" ".join(map(str, EXIT_OF.values()))]
    assert evsed["RestartPreventExitStatus"] == [f"{UNUSABLE} {EXIT_OF[ResetKind.HARD]}"]
    for unit in (hal, evsed):
        [name] = unit["RuntimeDirectory"]
        assert unit["WatchdogSec"] == [f"{stand.WATCHDOG_S[name]:g}s"]
        assert unit["RestartSec"] == [f"{stand.RESTART_S * 1_000:g}ms"]


def test_the_contactor_is_made_safe_before_and_after() -> None:
    has = settings("evse-hal.service")
    assert has["ExecStartPre"] == has["ExecStopPost"] == ["/opt/evsed/bin/python -I -m hal.make_safe"]


def test_hal_has_no_network_and_evsed_no_devices() -> None:
    hal, evsed = settings("evse-hal.service"), settings("evsed.service")
    assert hal["PrivateNetwork"] == ["yes"] and hal["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert evsed["PrivateDevices"] == ["yes"] and "DeviceAllow" not in evsed


@pytest.mark.parametrize(
    ("kinds", "group"),
    [
        (("gpiochip",), "gpio"),  # gpiod_lines.py
        (("spi",), "spi"),  # mcp3xxx.py, mfrc522.py, ws281x.py
        (("input",), "input"),  # hid_reader.py
        (("ttyAMA", "ttyS", "ttyUSB", "ttyACM"), "dialout"),  # meters, controllers, serial readers
    ],
)
def test_hal_may_open_what_its_drivers_open(kinds: tuple[str, ...], group: str) -> None:
    allowed = {value.split()[0].removeprefix("char-") for value in settings("evse-hal.service")["DeviceAllow"]}
    users = (ROOT / "systemd" / "evse.sysusers").read_text().splitlines()
    assert allowed >= set(kinds) and f"m evse-hal {group}" in users


def test_hal_may_write_what_its_drivers_write_of_sysfs() -> None:
    rules = (ROOT / "deploy/70-evse.rules").read_text()
    assert "-/sys/devices/platform" in settings("evse-hal.service")["ReadWritePaths"]
    for subsystem in ("pwm", "leds"):  # kernel_pwm.py, leds.py
        assert f'SUBSYSTEM=="{subsystem}"' in rules


def test_evsed_reaches_hal_and_is_listened_to() -> None:
    hal, evsed = settings("evse-hal.service"), settings("evsed.service")
    [socket] = [value for value in hal["Environment"] if value.startswith("EVSE_HAL_SOCKET=")]
    assert socket in evsed["Environment"]
    assert hal["Group"] == evsed["Group"]
    assert hal["ExecStart"] == [f"/opt/evsed/bin/evse-hal --allow-user {evsed['User'][0]}"]


def test_a_hard_reset_is_left_to_the_path_unit() -> None:
    evsed, path = settings("evsed.service"), settings("evse-hard-reset.path")
    assert path["PathExists"] == [f"/run/{evsed['RuntimeDirectory'][0]}/hard-reset"]
    assert evsed["RuntimeDirectoryPreserve"] == ["yes"]  # or the wish is gone before it is seen


@pytest.mark.parametrize(
    ("up", "asked"),
    [
        ("299.99 1.0", "restart --no-block evse-hal.service evsed.service"),
        ("300.00 1.0", "reboot"),
        ("86400.12 9.9", "reboot"),
    ],
)
def test_a_hard_reset_reboots_but_never_in_a_loop(tmp_path: Path, up: str, asked: str) -> None:
    wish, uptime, systemctl = tmp_path / "hard-reset", tmp_path / "uptime", tmp_path / "systemctl"
    uptime.write_text(up + "\n")
    systemctl.write_text(f'#!/bin/sh\necho "$*" >"{tmp_path}/asked"\n')
    systemctl.chmod(0o755)
    wish.mkdir()  # whatever it is, it must go, or the path unit starts us again at once
    subprocess.run(
        [ROOT / "deploy/hard-reset", wish, uptime],
        check=True,
        capture_output=True,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert (tmp_path / "asked").read_text().strip() == asked
    assert not wish.exists()


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not on this machine")
def test_the_users_of_the_units_are_made(tmp_path: Path) -> None:
    root = tmp_path / "root"
    units.lay_out(root)
    subprocess.run(["systemd-sysusers", f"--root={root}"], check=True, capture_output=True)
    users = {line.split(":")[0]: line.split(":") for line in (root / "etc/passwd").read_text().splitlines()}
    groups = {line.split(":")[2]: line.split(":")[0] for line in (root / "etc/group").read_text().splitlines()}
    for unit in ("evse-hal.service", "evsed.service"):
        has = settings(unit)
        assert groups[users[has["User"][0]][3]] == has["Group"][0]
