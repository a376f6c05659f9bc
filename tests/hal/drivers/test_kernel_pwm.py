"""The generator over a tree of files that behaves as the kernel's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hal.boards import BoardError, assemble, assemble_bare, check_parts, load
from hal.drivers import FAMILIES
from hal.drivers.kernel_pwm import BLOCKS, KernelPwm, PwmConfig
from hal.drivers.protocols import PartFailed
from hal.iec61851 import duty_permille
from hal.make_safe import make_safe
from tests.hal.drivers.kernel_tree import KernelTree


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KernelTree:
    tree = KernelTree(tmp_path)
    tree.install(monkeypatch)
    return tree


@pytest.mark.parametrize(
    ("device", "number", "gpio", "channel"),
    [
        ("3f20c000.pwm", 0, 18, 0),
        ("fe20c000.pwm", 0, 13, 1),
        ("fe20c000.pwm", 3, 12, 0),
        ("1f00098000.pwm", 2, 12, 0),  # kernel 6.6
        ("1f00098000.pwm", 0, 18, 2),  # kernel 6.12
        ("1f00098000.pwm", 0, 19, 3),
    ],
)
def test_the_block_is_found_by_its_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, number: int, gpio: int, channel: int
) -> None:
    KernelTree(tmp_path, "1f0009c000.pwm", 7)  # the fan's
    tree = KernelTree(tmp_path, device, number, channels=len(set(BLOCKS[device].values())))
    tree.install(monkeypatch)
    KernelPwm(PwmConfig(gpio=gpio)).drive(533.3)
    assert tree.state(channel) == (1_000_000, 533_300, True, True)
    assert [path.name for path in tree.chip.glob("pwm?")] == [f"pwm{channel}"]


def test_without_the_overlay_it_says_which_line_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    KernelTree(tmp_path, "1f0009c000.pwm", 0).install(monkeypatch)
    with pytest.raises(PartFailed, match=r"there is 1f0009c000.pwm\); put dtoverlay=pwm,pin=13,func=4 into config.txt"):
        KernelPwm(PwmConfig(gpio=13))


def test_a_channel_that_the_overlay_lacks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    KernelTree(tmp_path, channels=1).install(monkeypatch)
    with pytest.raises(PartFailed, match=r"channel 1 of .*: No such device"):
        KernelPwm(PwmConfig(gpio=19))


@pytest.mark.parametrize(
    ("permille", "duty"), [(1_000.0, 1_000_000), (0.0, 0), (100.0, 100_000), (266.6667, 266_660), (50.0, 50_000)]
)
def test_a_duty_is_written_in_steps_of_the_hardware(kernel: KernelTree, permille: float, duty: int) -> None:
    KernelPwm(PwmConfig(gpio=18)).drive(permille)
    assert kernel.state() == (1_000_000, duty, True, True)


def test_no_duty_offers_more_than_was_meant_nor_much_less(kernel: KernelTree) -> None:
    pwm = KernelPwm(PwmConfig(gpio=18))
    for ma in range(6_000, 51_000, 37):
        pwm.drive(duty_permille(ma))
        offered = kernel.state()[1] * 60 / 1_000
        assert ma - 1.2 <= offered <= ma + 1e-3


@pytest.mark.parametrize(("permille", "duty"), [(1_000.0, 0), (0.0, 1_000_000), (266.6667, 733_340)])
def test_an_inverting_stage_gets_the_other_share(kernel: KernelTree, permille: float, duty: int) -> None:
    KernelPwm(PwmConfig(gpio=18, inverted=True)).drive(permille)
    assert kernel.state() == (1_000_000, duty, True, True)


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"period": 20_000_000, "duty_cycle": 1_500_000, "enable": 1},  # a servo
        {"period": 20_000_000, "duty_cycle": 20_000_000, "enable": 0},
        {"period": 1_000, "duty_cycle": 10, "enable": 1},
        {"period": 1_000_000, "duty_cycle": 500_000, "enable": 1, "polarity": "inversed"},
        {"period": 1_000_000, "duty_cycle": 500_000, "enable": 0},
    ],
)
@pytest.mark.parametrize("inverted", [False, True])
def test_whatever_was_there_only_plus_12_v_comes_between(
    kernel: KernelTree, found: dict[str, object], inverted: bool
) -> None:
    kernel.put(0, **found)
    KernelPwm(PwmConfig(gpio=18, inverted=inverted))
    assert kernel.state() == (1_000_000, 0 if inverted else 1_000_000, True, True)
    for period, duty, enabled, normal in kernel.history:
        if enabled:
            gpio_high = duty == period if normal else duty == 0
            gpio_low = duty == 0 if normal else duty == period
            assert gpio_low if inverted else gpio_high
    if found.get("enable") == 1:
        disabled = next(i for i, state in enumerate(kernel.history) if not state[2])
        assert disabled >= 1 and kernel.waited_s[0] * 1e9 >= int(str(found["period"]))


def test_its_own_setting_is_only_given_another_duty(kernel: KernelTree) -> None:
    kernel.put(0, period=1_000_000, duty_cycle=266_660, enable=1)
    KernelPwm(PwmConfig(gpio=18))
    assert kernel.history == [(1_000_000, 1_000_000, True, True)] and not kernel.waited_s


def test_another_period_than_asked_for_is_refused(kernel: KernelTree) -> None:
    kernel.longest_step_ns = 932_000
    with pytest.raises(PartFailed, match="the kernel gives a period of 932000 ns, not 1000000 ns"):
        KernelPwm(PwmConfig(gpio=18))


def test_who_meddles_is_noticed(kernel: KernelTree) -> None:
    pwm = KernelPwm(PwmConfig(gpio=18))
    pwm.drive(266.7)
    pwm.verify()
    kernel.put(0, duty_cycle=500_000)
    with pytest.raises(PartFailed, match="the duty is 500000 ns, 266700 ns were written"):
        pwm.verify()
    kernel.put(0, enable=0)
    with pytest.raises(PartFailed, match="another program has changed"):
        pwm.drive(266.7)


@pytest.mark.parametrize(("name", "value", "ours"), [("period", 500_000, 1_000_000), ("enable", 0, 1)])
def test_who_meddles_between_two_drives_is_noticed_within_three_ticks(
    kernel: KernelTree, name: str, value: int, ours: int
) -> None:
    pwm = KernelPwm(PwmConfig(gpio=18))
    pwm.drive(266.7)
    for quiet in range(3):
        for _ in range(quiet):
            pwm.verify()
        kernel.put(0, **{name: value})
        with pytest.raises(PartFailed, match=f"{name} is {value}, not {ours}: another program has changed it"):
            for _ in range(3):
                pwm.verify()
        with pytest.raises(PartFailed):
            pwm.verify()
        kernel.put(0, **{name: ours})
        for _ in range(3):
            pwm.verify()


def test_a_polarity_turned_round_is_noticed_within_three_ticks(kernel: KernelTree) -> None:
    pwm = KernelPwm(PwmConfig(gpio=18))
    pwm.drive(266.7)
    kernel.put(0, polarity="inversed")
    with pytest.raises(PartFailed, match="polarity is inversed, not normal: another program has changed it"):
        for _ in range(3):
            pwm.verify()


def test_a_folder_that_vanishes_is_a_failed_part(kernel: KernelTree) -> None:
    pwm = KernelPwm(PwmConfig(gpio=18))
    shutil.rmtree(kernel.chip / "pwm0")
    with pytest.raises(PartFailed, match="pwm0: No such file or directory"):
        pwm.verify()
    with pytest.raises(PartFailed, match="pwm0: No such file or directory"):
        pwm.drive(500.0)
    pwm.close()


def test_a_new_channel_is_waited_for_until_udev_has_given_it_to_us(kernel: KernelTree) -> None:
    kernel.udev_needs = 7
    KernelPwm(PwmConfig(gpio=18))
    assert kernel.state() == (1_000_000, 1_000_000, True, True)


def test_a_channel_that_is_never_ours_is_said(kernel: KernelTree) -> None:
    kernel.udev_needs = 10_000
    with pytest.raises(PartFailed, match=r"pwm0/enable may not be written; is deploy/70-evse.rules installed"):
        KernelPwm(PwmConfig(gpio=18))


def test_closing_leaves_plus_12_v_enabled(kernel: KernelTree) -> None:
    pwm = KernelPwm(PwmConfig(gpio=18))
    pwm.drive(266.7)
    pwm.close()
    assert kernel.state() == (1_000_000, 1_000_000, True, True)


BOARD = """
name = "bench"
kind = "pi"
timing.gate_ms = 500
[[outlet]]
evse = 1
max_ma = 16_000
socket = false
contactor = {{ driver = "files", folder = "{pins}" }}
enable = {{ driver = "files", folder = "{pins}" }}
[outlet.pilot.out]
driver = "kernel_pwm"
gpio = 18
[outlet.pilot.in]
driver = "gone"
"""
GONE = """
import msgspec

class Gone:
    class Config(msgspec.Struct, forbid_unknown_fields=True): pass
    def __init__(self, config): raise OSError(2, "no converter")

PARTS = {"pilot_in": Gone}
"""


@pytest.fixture
def board(kernel: KernelTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pins = tmp_path / "pins"
    pins.mkdir()
    (pins / "beat").write_text("0")
    (tmp_path / "gone_converter.py").write_text(GONE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(FAMILIES, "files", "tests.hal.drivers.file_tree")
    monkeypatch.setitem(FAMILIES, "gone", "gone_converter")
    path = tmp_path / "bench.toml"
    path.write_text(BOARD.format(pins=pins))
    return path


def test_a_pilot_without_its_converter_does_not_start_but_is_made_safe(kernel: KernelTree, board: Path) -> None:
    check_parts(load(str(board)))
    with pytest.raises(BoardError, match=r"outlet 1: pilot: .*no converter"):
        assemble(load(str(board)))
    kernel.put(0, duty_cycle=266_660)
    bare = assemble_bare(load(str(board)))
    assert make_safe(bare) == [] and kernel.state() == (1_000_000, 1_000_000, True, True)
    with pytest.raises(PartFailed, match="only driven here"):
        bare.outlets[1].parts.pilot.volts()
    bare.close()


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ("gpio = 18", "gpio = 17", "outlet 1: pilot.out: gpio must be one of 12, 13, 18, 19, not 17"),
        ('driver = "gone"', 'driver = "kernel_pwm"', "pilot.in: driver `kernel_pwm` has no pilot_in; it has pilot_out"),
        (
            "[outlet.pilot.in]",
            "[outlet.pilot.inn]",
            "pilot: `inn?` is missing or none of its tables, which are out, in",
        ),
        ('driver = "gone"', "", "outlet 1: pilot.in: no driver `None`"),
    ],
)
def test_what_is_wrong_with_a_half_is_said_with_its_name(board: Path, was: str, becomes: str, sentence: str) -> None:
    board.write_text(board.read_text().replace(was, becomes))
    with pytest.raises(BoardError, match=sentence):
        check_parts(load(str(board)))
