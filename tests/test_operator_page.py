"""The operator's page says what is so: its keys are the catalogue, its messages are the dialect's two tables.

`python -m tests.test_operator_page` writes the tables anew. What a message does here is a sentence of `FROM_CENTRAL`
or `FROM_STATION`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from evsed.core.catalogue import ALL
from evsed.core.measurands import PHASED
from evsed.core.variables import Variable
from evsed.core.words import Measurand
from evsed.ocpp.v16.dialect import INBOUND, OUTBOUND

PAGE = Path(__file__).resolve().parent.parent / "docs" / "operator.md"

FROM_CENTRAL = {
    "CancelReservation": "The reservation with this number ends; Rejected if there is none.",
    "CertificateSigned": (
        "The chain is checked against the station's own key and, if it fits, used from the next connection on."
    ),
    "ChangeAvailability": (
        "One outlet, or with connector 0 the whole box; Scheduled while a transaction runs. It outlives a restart."
    ),
    "ChangeConfiguration": "One key of the table below. It counts at once, unless the answer is RebootRequired.",
    "ClearCache": "Forgets what was learned of cards; Rejected while the cache is switched off.",
    "ClearChargingProfile": "Removes the profiles that fit all given criteria; a profile's number alone is enough.",
    "DataTransfer": "Answered by the handlers that an OEM has registered; else UnknownVendorId or UnknownMessageId.",
    "DeleteCertificate": (
        "Removes an installed root by its hash data; Failed for the one that the present connection stands on."
    ),
    "ExtendedTriggerMessage": (
        "Asks for a message now, also for a new certificate signing request and the state of a log upload."
    ),
    "GetCompositeSchedule": "What will be offered, second by second, from now on; in amperes or in watts.",
    "GetConfiguration": "All keys of the table below, or those that are asked for. Secrets are never told.",
    "GetDiagnostics": "Packs the logs, the newest frames and the facts of the box, with secrets removed, and uploads "
    "them; no fileName where the location is none of FTP or HTTP.",
    "GetInstalledCertificateIds": "The hash data of the installed roots of one use.",
    "GetLocalListVersion": (
        "The version of the list that is obeyed; 0 for an empty one, -1 while the list is switched off."
    ),
    "GetLog": "Uploads the diagnostics, as for GetDiagnostics, or the security log alone, with secrets removed.",
    "InstallCertificate": (
        "Adds a root for the central system or for the manufacturer's signatures, up to the store's limit."
    ),
    "RemoteStartTransaction": "Starts as a shown card would, with a charging profile if one is given.",
    "RemoteStopTransaction": "Ends the transaction with this number; Rejected if it does not run here.",
    "ReserveNow": "Keeps an outlet, or with connector 0 any one, for a card until the given time.",
    "Reset": "Soft ends transactions in order and restarts evsed; Hard restarts the machine. Both outlive a power cut.",
    "SendLocalList": "Takes a whole list or changes to it, all or nothing, if the version fits.",
    "SetChargingProfile": "Taken, kept and obeyed at once; it can only lower what the box would offer without it.",
    "SignedUpdateFirmware": "Fetches an image and installs it only if its signature leads to the manufacturer's root.",
    "TriggerMessage": "Asks for a message now.",
    "UnlockConnector": "Ends the transaction, then unlocks the plug; NotSupported for a fixed cable.",
    "UpdateFirmware": "Fetches an image at its date, waits for transactions to end, installs it and restarts.",
}
FROM_STATION = {
    "Authorize": "A card was shown that neither list nor cache may answer for.",
    "BootNotification": "After a start, until it is accepted; not after a plain reconnect.",
    "DataTransfer": "A message of a vendor's own, sent with `evsectl send-data`.",
    "DiagnosticsStatusNotification": "How an upload of diagnostics goes.",
    "FirmwareStatusNotification": "How an update goes, each state once, also over the restart.",
    "Heartbeat": "When nothing else was said for the heartbeat interval; its answer sets the clock.",
    "LogStatusNotification": "How an upload of a log goes, with the number of its request.",
    "MeterValues": "Samples within a transaction and at clock-aligned moments.",
    "SecurityEventNotification": "An event of the security list; the critical ones are kept until they arrive.",
    "SignCertificate": "A certificate signing request for a key that was made on the device and never leaves it.",
    "SignedFirmwareStatusNotification": "How a signed update goes, with the number of its request.",
    "StartTransaction": "Kept on disk until it is answered; the contactor closes only after it is there.",
    "StatusNotification": (
        "An outlet, or with connector 0 the box, is in another state; held back for MinimumStatusDuration."
    ),
    "StopTransaction": "Kept on disk until it is answered; its register is the meter's, also after a power cut.",
}


def keys() -> str:
    rows = [
        "| 1.6 key | Component.Variable | takes | factory value | what it does |",
        "| --- | --- | --- | --- | --- |",
    ]
    for variable in sorted(ALL, key=lambda v: (not v.writable, v.path)):
        columns = (variable.key16 or "", variable.path, _takes(variable), _default(variable), variable.help)
        rows.append(f"| {' | '.join(columns)} |")
    return "\n".join(rows) + "\n"


def _takes(variable: Variable) -> str:
    return variable.limits_text().split(" of ")[0] if variable.writable else "read only"


def _default(variable: Variable) -> str:
    return variable.kind.text(variable.default).replace(",", ", ") or "(empty)"


def measurands() -> str:
    rows = ["| measurand | phases that may be asked for alone |", "| --- | --- |"]
    rows += [f"| {measurand} | {', '.join(PHASED.get(measurand, ()))} |" for measurand in Measurand]
    return "\n".join(rows) + "\n"


def messages(sentences: dict[str, str], actions: Iterable[str]) -> str:
    rows = ["| message | what it does here |", "| --- | --- |"]
    rows += [f"| {action} | {sentences[action]} |" for action in sorted(set(actions))]
    return "\n".join(rows) + "\n"


TABLES = {
    "keys": keys,
    "measurands": measurands,
    "from the central system": lambda: messages(FROM_CENTRAL, INBOUND),
    "from the station": lambda: messages(FROM_STATION, (outbound.action for outbound in OUTBOUND.values())),
}


def page(text: str) -> str:
    """The page with its tables as they are today."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        text = text[: text.index(begin) + len(begin)] + table() + text[text.index(end) :]
    return text


def test_the_tables_are_of_today() -> None:
    text = PAGE.read_text()
    assert text == page(text), "write it anew: python -m tests.test_operator_page"


if __name__ == "__main__":
    sys.exit(PAGE.write_text(page(PAGE.read_text())) and None)
