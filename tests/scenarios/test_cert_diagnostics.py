"""Logs that a central system asks for, as the OCPP 1.6 certification walks through it. Each test of a case bears its
id.
"""

from __future__ import annotations

from typing import Any

import pytest

from evsed.core.errands import LogKind, Outcome
from tests.world.csms import Question
from tests.world.wallbox import Wallbox

THERE = "ftp://box:canary@logs.test/in"


def asked(box: Wallbox, **more: Any) -> Question:
    question = box.csms.call("GetDiagnostics", {"location": THERE, "retries": 1, "retryInterval": 10} | more)
    box.advance(0.5)
    return question


def told(box: Wallbox) -> list[str]:
    return [message.status for message in box.csms.all("DiagnosticsStatusNotification")]


def trigger(box: Wallbox) -> str:
    question = box.csms.call("TriggerMessage", {"requestedMessage": "DiagnosticsStatusNotification"})
    box.advance(0.2)
    assert question.status == "Accepted"
    return str(box.csms.last("DiagnosticsStatusNotification").status)


def test_tc_045_1_a_log_is_sent(box: Wallbox) -> None:
    question = asked(box)
    assert question.answer is not None
    name = question.answer["fileName"]
    assert told(box) == ["Uploading"]
    box.until(lambda: told(box) == ["Uploading", "Uploaded"])
    assert [(order.location, file) for order, file in box.depot.uploads] == [(THERE, name)]


def test_tc_045_2_a_log_that_cannot_be_sent_is_told_after_its_retries(box: Wallbox) -> None:
    box.depot.fails_next(*[Outcome.FAILED] * 2)
    asked(box)
    box.advance(14)
    assert told(box) == ["Uploading"]
    box.until(lambda: told(box) == ["Uploading", "UploadFailed"])
    assert box.depot.uploads == []
    box.advance(60)
    assert len(told(box)) == 2


def test_a_retry_brings_it_there(box: Wallbox) -> None:
    box.depot.fails_next(Outcome.FAILED)
    asked(box)
    box.until(lambda: told(box) == ["Uploading", "Uploaded"])
    assert len(box.depot.uploads) == 1


def test_an_address_that_is_not_used_is_not_tried_again(box: Wallbox) -> None:
    box.depot.fails_next(Outcome.HOPELESS)
    asked(box, retries=5)
    box.until(lambda: told(box) == ["Uploading", "UploadFailed"], within=10)


def test_a_trigger_tells_how_it_stands_and_idle_otherwise(box: Wallbox) -> None:
    assert trigger(box) == "Idle"
    asked(box)
    assert trigger(box) == "Uploading"
    box.until(lambda: told(box)[-1] == "Uploaded")
    assert trigger(box) == "Idle"


def test_a_newer_order_takes_the_place_of_the_older_one(box: Wallbox) -> None:
    first, second = asked(box), asked(box, location="https://other.test/")
    assert first.answer is not None and second.answer is not None
    assert first.answer["fileName"] != second.answer["fileName"]
    box.until(lambda: told(box)[-1] == "Uploaded")
    assert [order.location for order, _ in box.depot.uploads] == ["https://other.test/"]
    assert told(box) == ["Uploading", "UploadFailed", "Uploading", "Uploaded"]


def test_an_upload_that_is_replaced_without_a_line_is_told_to_its_end_too(box: Wallbox) -> None:
    box.csms.silent_on("DiagnosticsStatusNotification")
    asked(box)
    asked(box, location="https://other.test/")
    box.power_cut()
    box.csms.speaks_on("DiagnosticsStatusNotification")
    box.until(lambda: told(box)[-1] == "Uploaded")
    assert told(box)[-4:] == ["Uploading", "UploadFailed", "Uploading", "Uploaded"]


def test_where_we_cannot_send_is_refused_at_once_and_ends_nothing(box: Wallbox) -> None:
    asked(box)
    assert asked(box, location="file:///etc/").answer == {}
    assert get_log(box, 8, remoteLocation="sftp://logs.test/").answer == {"status": "Rejected"}
    box.until(lambda: told(box) == ["Uploading", "Uploaded"])
    assert numbered(box) == []
    assert any("the location is not FTP, FTPS, HTTP, HTTPS" in line for line in box.lines)


def test_diagnostics_that_end_a_numbered_log_say_so_of_it(box: Wallbox) -> None:
    get_log(box, 7)
    asked(box)
    box.until(lambda: told(box) == ["Uploading", "Uploaded"])
    assert numbered(box) == [("Uploading", 7), ("UploadFailure", 7)]


@pytest.mark.parametrize("cut", [Wallbox.power_cut, lambda box: box.kill_evsed(1)], ids=["cut", "crash"])
def test_an_upload_outlives_a_restart_and_nothing_is_told_twice(box: Wallbox, cut: Any) -> None:
    asked(box)
    cut(box)
    box.until(lambda: told(box) == ["Uploading", "Uploaded"])
    assert len(box.depot.uploads) == 1


def test_what_happened_without_a_line_is_told_over_the_next_one_in_order(box: Wallbox) -> None:
    asked(box)
    box.lose_line()
    box.advance(60)
    box.reconnect()
    box.until(lambda: told(box) == ["Uploading", "Uploaded"])


def test_a_refused_status_is_not_told_again(box: Wallbox) -> None:
    box.csms.rejects_next("DiagnosticsStatusNotification")
    asked(box)
    box.until(lambda: told(box) == ["Uploading", "Uploaded"])
    box.advance(120)
    assert len(told(box)) == 2


def test_a_status_that_nobody_answers_is_told_again_over_the_next_line(box: Wallbox) -> None:
    box.csms.silent_on("DiagnosticsStatusNotification")
    asked(box)
    box.advance(60)
    assert told(box) == ["Uploading"]
    box.csms.speaks_on("DiagnosticsStatusNotification")
    box.drop_line()
    box.until(lambda: told(box) == ["Uploading", "Uploading", "Uploaded"])


def test_no_password_is_in_any_line_of_the_log(box: Wallbox) -> None:
    asked(box)
    box.until(lambda: told(box)[-1] == "Uploaded")
    assert not any("canary" in line for line in box.lines)


# --- with a number -----------------------------------------------------------------------------------------------


def get_log(box: Wallbox, number: int = 7, kind: str = "SecurityLog", **more: Any) -> Question:
    payload = {"logType": kind, "requestId": number, "retries": 1, "retryInterval": 10}
    question = box.csms.call("GetLog", {**payload, "log": {"remoteLocation": THERE, **more}})
    box.advance(0.5)
    return question


def numbered(box: Wallbox) -> list[tuple[str, int | None]]:
    return [(m.status, m.payload.get("requestId")) for m in box.csms.all("LogStatusNotification")]


def ask_again(box: Wallbox) -> tuple[str, int | None]:
    question = box.csms.call("ExtendedTriggerMessage", {"requestedMessage": "LogStatusNotification"})
    box.advance(0.2)
    assert question.status == "Accepted"
    return numbered(box)[-1]


def test_tc_079_the_security_log_is_sent(box: Wallbox) -> None:
    question = get_log(box)
    assert question.status == "Accepted"
    assert question.answer is not None and question.answer["filename"]
    box.until(lambda: numbered(box) == [("Uploading", 7), ("Uploaded", 7)])
    ((order, name),) = box.depot.uploads
    assert (order.kind, name) == (LogKind.SECURITY, question.answer["filename"])


def test_a_newer_log_cancels_the_older_one(box: Wallbox) -> None:
    get_log(box, 7)
    assert get_log(box, 8, "DiagnosticsLog").status == "AcceptedCanceled"
    box.until(lambda: numbered(box) == [("Uploading", 7), ("Uploading", 8), ("Uploaded", 8)])
    assert len(box.depot.uploads) == 1


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.FAILED, "UploadFailure"),
        (Outcome.DENIED, "PermissionDenied"),
        (Outcome.MALFORMED, "BadMessage"),
        (Outcome.UNSUPPORTED, "NotSupportedOperation"),
        (Outcome.HOPELESS, "UploadFailure"),
    ],
)
def test_why_a_log_does_not_arrive_is_told(box: Wallbox, outcome: Outcome, status: str) -> None:
    box.depot.fails_next(outcome, outcome)
    get_log(box)
    box.until(lambda: numbered(box) == [("Uploading", 7), (status, 7)])


def test_an_extended_trigger_tells_the_number_while_there_is_one(box: Wallbox) -> None:
    assert ask_again(box) == ("Idle", None)
    get_log(box)
    assert ask_again(box) == ("Uploading", 7)
    box.until(lambda: numbered(box)[-1] == ("Uploaded", 7))
    assert ask_again(box) == ("Idle", None)


def test_a_numbered_upload_outlives_a_power_cut(box: Wallbox) -> None:
    get_log(box)
    box.power_cut()
    box.until(lambda: numbered(box) == [("Uploading", 7), ("Uploaded", 7)])
