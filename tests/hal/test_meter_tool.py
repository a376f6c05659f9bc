"""`evsectl meter` on lines with meters from other hands, and with an EVSE-DIN."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hal import meter_tool
from hal.drivers.meter_scan import LOOK, longest_s
from hal.drivers.rtu_line import Line
from hal.sim.rtu_slave import Utterance, sealed
from tests.hal.din import Din
from tests.hal.drivers.manuals import MANUALS
from tests.hal.drivers.ptys import served
from tests.hal.drivers.street import device, street

Said = Callable[[], tuple[str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return lambda: tuple(capsys.readouterr())  # type: ignore[return-value]


def yes(question: str) -> str:
    assert "Type yes" in question
    return "yes\n"


class Movable:
    """An sdm72 whose address can be changed; `deaf`: only after it was switched off."""

    def __init__(self, deaf: bool = False) -> None:
        self.address, self.deaf = 1, deaf
        self.words = MANUALS["sdm72"][2]

    def hear(self, data: bytes) -> list[Utterance]:
        if data[0] != self.address:
            return []
        if data[1] == 16:
            assert data[2:7] == bytes.fromhex("0014 0002 04") and data[9:11] == b"\x00\x00"
            if not self.deaf:
                self.address = {0x40E0: 7}[int.from_bytes(data[7:9])]  # 7.0
                return [Utterance(0, sealed(bytes((1,)) + data[1:6]))]
            return [Utterance(0, sealed(data[:6]))]
        if data[1] != 4:
            return [Utterance(0, sealed(bytes((data[0], data[1] | 0x80, 1))))]
        at, count = int.from_bytes(data[2:4]), int.from_bytes(data[4:6])
        body = b"".join(self.words.get(at + n, 0).to_bytes(2) for n in range(count))
        return [Utterance(0, sealed(bytes((self.address, 4, len(body))) + body))]


def test_a_scan_names_models_controllers_and_strangers(said: Said) -> None:
    din = Din(address=3)
    stranger = {4: lambda data: [Utterance(0, sealed(bytes((4, data[1] | 0x80, 2))))], 3: din.hear}
    with street(device(2, "sdm630"), rogues=stranger) as port:
        code = meter_tool.main(["scan", "--port", port, "--baud", "9600", "--addresses", "2-5"])
    out, _ = said()
    assert code == 0
    first, *found = out.splitlines()
    least_s = longest_s((2, 3, 4, 5), [(9_600, "N")])
    more = "and some seconds more for each device that answers"
    assert first == f"4 addresses at 1 settings of the line: {least_s} s, {more}."
    assert found[0].startswith("address 2, 9600 8N1: model sdm630, 1234.56 kWh; sdm120 would do too")
    assert found[1] == "address 3, 9600 8N1: a pilot controller EVSE-DIN or EVSE-WB, see docs/evse-din.md"
    assert found[2] == "address 4, 9600 8N1: a device that no table reads sensibly"
    assert len(found) == 3


def test_where_nobody_is_a_scan_ends_and_says_what_to_look_at(said: Said) -> None:
    with served(lambda _: []) as port:
        assert meter_tool.main(["scan", "--port", port, "--baud", "9600", "--addresses", "9"]) == 1
    assert said()[0].splitlines()[1].startswith("Nobody answers. Exchange A and B")


@pytest.mark.parametrize("model", ["sdm630", "abb-b23", "orno-516"])
def test_a_read_shows_all_values(model: str, said: Said) -> None:
    with street(device(1, model)) as port:
        assert meter_tool.main(["read", "--port", port, "--model", model]) == 0
    out, err = said()
    assert err == "" and ("is beta" in out) is (model == "orno-516")
    assert "energy register      1234.56 kWh\n" in out
    assert "current              16.02  15.98  7.25 A\n" in out
    assert "voltage              230.1  229.9  231.4 V\n" in out


def test_the_wrong_order_of_words_is_found_out(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    function, phases, words = MANUALS["cg-em340"]
    single = {0x31, 0x33}
    turned = {at if at in single else at ^ 1: word for at, word in words.items()}
    monkeypatch.setitem(MANUALS, "cg-em340", (function, phases, turned))
    with street(device(1, "cg-em340")) as port:
        assert meter_tool.main(["read", "--port", port, "--model", "cg-em340"]) == 1
    assert "evse-hal would not believe this: " in (err := said()[1])
    assert "in the other order it makes sense" in err


@pytest.fixture
def movable() -> Iterator[tuple[Movable, str]]:
    meter = Movable()
    with served(meter.hear) as port:
        yield meter, port


def test_an_address_is_changed_after_a_yes_and_proven(movable: tuple[Movable, str], said: Said) -> None:
    meter, port = movable
    assert meter_tool.main(["set-address", "7", "--port", port, "--model", "sdm72"], typed=yes) == 0
    assert meter.address == 7
    assert said() == ("The meter answers at 7: write address = 7 into site.toml.\n", "")


def test_without_a_yes_nothing_is_changed(movable: tuple[Movable, str], said: Said) -> None:
    meter, port = movable
    assert meter_tool.main(["set-address", "7", "--port", port, "--model", "sdm72"], typed=lambda _: "y") == 1
    assert (meter.address, said()[1]) == (1, "evsectl meter: nothing was changed\n")


def test_without_anybody_to_say_yes_nothing_is_changed(movable: tuple[Movable, str], said: Said) -> None:
    def gone(_: str) -> str:
        raise EOFError

    meter, port = movable
    assert meter_tool.main(["set-address", "7", "--port", port, "--model", "sdm72"], typed=gone) == 1
    assert (meter.address, said()[1]) == (1, "evsectl meter: nobody is there to type yes; nothing was changed\n")


def test_a_meter_that_must_be_switched_off_first_is_said(movable: tuple[Movable, str], said: Said) -> None:
    meter, port = movable
    meter.deaf = True
    assert meter_tool.main(["set-address", "7", "--port", port, "--model", "sdm72"], typed=yes) == 1
    assert "does not answer there yet: switch it off and on" in said()[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["set-address", "1", "--model", "sdm72"], "the meter has address 1 already"),
        (["set-address", "9", "--model", "abb-b23"], "is set at the meter itself"),
        (["read", "--model", "abacus"], "no meter model is called 'abacus'"),
        (["read", "--model", "sdm630"], "no answer"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(words: list[str], sentence: str, said: Said) -> None:
    with served(lambda _: []) as port:
        assert meter_tool.main([*words, "--port", port], typed=yes) == 1
    assert sentence in (err := said()[1]) and err.count("\n") == 1


def test_a_taken_address_is_refused(said: Said) -> None:
    with street(device(1, "sdm630"), device(2, "sdm120")) as port:
        assert meter_tool.main(["set-address", "2", "--port", port, "--model", "sdm630"], typed=yes) == 1
    assert "address 2 is taken" in said()[1]


def test_a_port_that_somebody_holds_or_that_is_not_there(tmp_path: Path, said: Said) -> None:
    assert meter_tool.main(["read", "--port", str(tmp_path / "tty"), "--model", "sdm630"]) == 1
    assert "No such file or directory; name the port" in said()[1]
    with street(device(1, "sdm630")) as port:
        hal = Line(port, 9_600, "N")
        hal.ask(1, 4, 0, 2, LOOK)
        assert meter_tool.main(["read", "--port", port, "--model", "sdm630"]) == 1
        hal.close()
    assert "another program uses it; if that is evse-hal: systemctl stop evse-hal" in said()[1]


@pytest.mark.parametrize("words", [["scan", "--addresses", "9-3"], ["scan", "--addresses", "0"], ["read"], []])
def test_wrong_usage_ends_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        meter_tool.main([*words, "--port", "/dev/null"] if words else [])
    assert ended.value.code == 2


def test_evsectl_hands_its_words_on() -> None:
    words = ["meter", "read", "--port", "/dev/nowhere", "--model", "sdm630"]
    done = subprocess.run([sys.executable, "-m", "evsed.ctl", *words], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("evsectl meter: /dev/nowhere: No such file")
