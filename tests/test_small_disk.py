"""The two real processes on a disk that is really small: files that find no room fail, and the journal goes on."""

from __future__ import annotations

from pathlib import Path

from evsed.room import RESERVE
from tests.small_disk import told_on

MEGA = 1024 * 1024
STORY = """
import sys
from pathlib import Path
from tests.evsed.servers import WebFiles, serving
from tests.peers.central import CentralSystem
from tests.stand import Wallbox

disk, size = Path(sys.argv[1]), int(sys.argv[2])
with CentralSystem.of_package() as central, Wallbox(central.url, state=disk) as box, serving(WebFiles()) as web:
    central.wait_for("BootNotification")

    def ends(action, status):
        central.wait(status, lambda: any(status in frame.values() for frame in central.frames(action)))

    web.files["/fw"] = bytes(size)
    central.ask("UpdateFirmware", location=f"{web.url}/fw", retrieveDate="2020-01-01T00:00:00Z", retries=0)
    ends("FirmwareStatusNotification", "DownloadFailed")
    print("image", (disk / "evsed/errands/image").exists())
    (disk / "other").write_bytes(bytes(size))
    central.ask("GetDiagnostics", location=f"{web.url}/logs", retries=0)
    ends("DiagnosticsStatusNotification", "UploadFailed")
    there = {"remoteLocation": f"{web.url}/logs"}
    central.ask("GetLog", logType="SecurityLog", requestId=7, retries=0, log=there)
    ends("LogStatusNotification", "UploadFailure")
    print("log", (disk / "evsed/errands/log").exists(), [verb for verb, _, _ in web.asked].count("PUT"))
    box.sim("plug-in")
    box.sim("swipe", "04A1B2C3")
    central.wait_for("StartTransaction")
    (disk / "other").unlink()
    central.ask("GetDiagnostics", location=f"{web.url}/logs", retries=0)
    ends("DiagnosticsStatusNotification", "Uploaded")
    central.ask("GetLog", logType="SecurityLog", requestId=8, retries=0, log=there)
    ends("LogStatusNotification", "Uploaded")
    print([(told["status"], told["requestId"]) for told in central.frames("LogStatusNotification")])
    print("trouble", repr(box.status()["store"]), central.ledger.breaches)
    print(*(line.split(" ", 2)[2] for line in box.evsed.log.splitlines() if "has no room" in line), sep="\\n")
"""


def test_files_that_find_no_room_fail_and_charges_begin(tmp_path: Path) -> None:
    disk, size = RESERVE + 4 * MEGA, 5 * MEGA
    image, log, told, trouble, *said = told_on(tmp_path, disk, STORY, size).splitlines()
    assert (image, log, trouble) == ("image False", "log False 0", "trouble '' []")
    assert told == "[('Uploading', 7), ('UploadFailure', 7), ('Uploading', 8), ('Uploaded', 8)]"
    assert len(said) == 3, said  # the image and both logs
