"""The catalogue and the book of faults."""

from __future__ import annotations

import re

import pytest

from hal.contract import Cp
from hal.faults import CATALOGUE, Clears, FaultBook, Name, over_current_ma, pilot_fault
from hal.iec61851 import DISOBEYED, FAR_MS, NO_DIODE, OUT_OF_BAND, PLAIN

CODES_16 = {  # OCPP 1.6 §7.6
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
}


def names(book: FaultBook) -> list[str]:
    return [fault.name for fault in book.faults]


def test_every_fault_is_in_the_catalogue_with_a_code_and_a_text_of_its_own() -> None:
    assert set(CATALOGUE) == set(Name)
    assert {kind.code16 for kind in CATALOGUE.values()} <= CODES_16
    assert len({kind.text for kind in CATALOGUE.values()}) == len(CATALOGUE)
    assert all(len(kind.text) <= 80 for kind in CATALOGUE.values())


def test_codes_of_chargex_are_written_as_its_list_has_them() -> None:
    codes = {kind.mrec for kind in CATALOGUE.values()} - {""}
    assert all(re.fullmatch(r"CX0(0[1-9]|1[0-9]|2[0-6])", code) for code in codes) and len(codes) >= 10


def test_only_silence_of_things_that_measure_or_remember_and_an_open_door_are_mere_warnings() -> None:
    warnings = {"METER_SILENT", "READER_SILENT", "MEMORY_FAILED", "INPUT_FAILED", "ENCLOSURE_OPEN", "CONTACTOR_WORN"}
    assert {name for name, kind in CATALOGUE.items() if not kind.opens} == warnings


@pytest.mark.parametrize(
    ("level", "allow_d", "name"),
    [
        (PLAIN[Cp.B], False, None),
        (PLAIN[Cp.C], False, None),
        (PLAIN[Cp.E], False, Name.CP_SHORT),
        (PLAIN[Cp.D], False, Name.D_REFUSED),
        (PLAIN[Cp.D], True, None),
        (NO_DIODE[Cp.C], False, Name.DIODE_MISSING),
        (OUT_OF_BAND[Cp.E], False, Name.PILOT_FAULT),
        (DISOBEYED[Cp.F], False, Name.PILOT_DRIVER),
    ],
)
def test_what_a_level_means(level: object, allow_d: bool, name: Name | None) -> None:
    assert pilot_fault(level, allow_d) is name  # type: ignore[arg-type]


@pytest.mark.parametrize(("offered_ma", "most_ma"), [(6_000, 7_150), (16_000, 18_150), (32_000, 35_750)])
def test_over_current_begins_at_half_an_ampere_and_ten_percent_above(offered_ma: int, most_ma: int) -> None:
    assert over_current_ma(offered_ma) == most_ma


def held(name: Name) -> int:
    return CATALOGUE[name].hold_ms


@pytest.mark.parametrize("name", [name for name, kind in CATALOGUE.items() if kind.clears is Clears.BY_ITSELF])
def test_a_fault_that_clears_by_itself_does_so_after_its_hold_time(name: Name) -> None:
    book = FaultBook((), 0)
    book.set(name, True, 1_000)
    book.set(name, False, 2_000)
    book.passed(2_000 + held(name) - 1)
    assert names(book) == ([name] if held(name) else [])
    assert book.due_ms == (2_000 + held(name) if held(name) else FAR_MS)
    book.passed(2_000 + held(name))
    assert names(book) == [] and book.stored == ()


@pytest.mark.parametrize(("name", "clears"), [(name, kind.clears) for name, kind in CATALOGUE.items()])
def test_what_clears_what(name: Name, clears: Clears) -> None:
    def after(way: str) -> bool:
        book = FaultBook((), 0)
        book.set(name, True, 0)
        book.set(name, False, 0)
        getattr(book, way)(1)
        return names(book) == []

    assert after("unplugged") == (clears in (Clears.BY_ITSELF, Clears.UNPLUGGED))
    assert after("acknowledged") == (clears in (Clears.BY_ITSELF, Clears.ACKNOWLEDGED))


@pytest.mark.parametrize("name", list(Name))
def test_nothing_clears_a_present_cause(name: Name) -> None:
    book = FaultBook((), 0)
    book.set(name, True, 0)
    book.passed(10**9)
    book.unplugged(10**9)
    book.acknowledged(10**9)
    assert names(book) == [name]
    assert book.opening is CATALOGUE[name].opens


def test_only_what_needs_a_person_outlives_the_process() -> None:
    book = FaultBook((), 0)
    for name in Name:
        book.set(name, True, 0)
    hardware = {Name.WELDED, Name.CURRENT_WHILE_OPEN, Name.RESIDUAL_CURRENT, Name.EMERGENCY_STOP}
    assert set(book.stored) == {*hardware, Name.RESIDUAL_TEST_FAILED, Name.MEMORY_DAMAGED}
    again = FaultBook(book.stored, 5_000)
    assert again.opening and names(again) == list(book.stored)
    again.acknowledged(6_000)
    assert names(again) == [Name.WELDED, Name.CURRENT_WHILE_OPEN]


def test_the_first_cause_stays_first_with_its_first_text() -> None:
    book = FaultBook((), 0)
    book.set(Name.RESIDUAL_CURRENT, True, 10, "first")
    book.set(Name.CP_SHORT, True, 20)
    book.set(Name.RESIDUAL_CURRENT, False, 30)
    book.set(Name.RESIDUAL_CURRENT, True, 40, "second")
    assert names(book) == [Name.RESIDUAL_CURRENT, Name.CP_SHORT]
    assert book.faults[0].since_ms == 10 and book.faults[0].text.endswith("first")


def test_a_cause_that_comes_back_in_its_hold_time_begins_it_anew() -> None:
    book = FaultBook((), 0)
    book.set(Name.CP_SHORT, True, 0)
    book.set(Name.CP_SHORT, False, 100)
    book.set(Name.CP_SHORT, True, 20_000)
    book.set(Name.CP_SHORT, False, 20_100)
    book.passed(30_100)
    assert names(book) == [Name.CP_SHORT]


def test_a_fault_that_is_only_kept_says_so() -> None:
    book = FaultBook((), 0)
    book.set(Name.EARTH_LOST, True, 0)
    assert [fault.gone for fault in book.faults] == [False]
    book.set(Name.EARTH_LOST, False, 10)
    assert [fault.gone for fault in book.faults] == [True]
    book.set(Name.EARTH_LOST, True, 20)
    assert [fault.gone for fault in book.faults] == [False]
