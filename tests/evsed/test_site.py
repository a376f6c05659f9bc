"""site.toml: the example is valid, and everything that may be wrong with a file is one sentence that helps."""

from __future__ import annotations

import os
import random
import re
from argparse import Namespace
from pathlib import Path

import pytest

from evsed.site import Site, SiteError, load
from hal.contract import Limits, MeterChoice
from hal.options import installation
from tests.evsed.ocpp import pki

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy" / "site.toml"
LEAST = '[station]\nidentity = "box-1"\n[board]\nname = "sim"\n'
FREE = LEAST + '[access]\nmode = "free"\n'
CENTRAL = LEAST + '[central]\nurl = "wss://csms.example/ocpp"\n'
# A root that signed itself; its key was thrown away.
PEM = """
-----BEGIN CERTIFICATE-----
MIIBijCCATGgAwIBAgIUAxhbhWOrUzhRjzLm19eFVrWO1EIwCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPZXZzZWQgdGVzdCByb290MCAXDTI2MTEyMTA0MDg0MloYDzIx
MjYxMDI4MDQwODQyWjAaMRgwFgYDVQQDDA9ldnNlZCB0ZXN0IHJvb3QwWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAAQhm8Ps58IrvB3umsI7L/ObI7T1FV0K+aBogKlT
lV7iyIVgPQGi4rUp5aYIJEpJIU8SjVaiYVR+kSw1URhr0phfo1MwUTAdBgNVHQ4E
FgQUY3nB7gDtfg2uT21VjJcQNcNRBOMwHwYDVR0jBBgwFoAUY3nB7gDtfg2uT21V
jJcQNcNRBOMwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiA+fj3C
J+UqNAo5pPsF2eWYklcIWV0lon/qo1fgxENivAIgd2YAkTpR9c17AIGonOMZdcg+
nsq7vYSEIi59MpKJs2Q=
-----END CERTIFICATE-----
"""


def site(folder: Path, text: str | bytes) -> Site:
    path = folder / "site.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(path)


def wrong(folder: Path, text: str | bytes) -> str:
    """The sentence after the file's name."""
    with pytest.raises(SiteError) as refusal:
        site(folder, text)
    sentence = str(refusal.value)
    assert sentence.startswith(str(folder / "site.toml"))
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence
    return sentence.removeprefix(str(folder / "site.toml"))


# --- what it may say -----------------------------------------------------------------------------------------


def test_the_example_lacks_nothing_but_who_may_charge() -> None:
    with pytest.raises(SiteError, match=r"nobody could ever charge: give \[central\], access\.tags, or"):
        load(EXAMPLE)


def with_the_card(folder: Path) -> Path:
    """The example, when its card is a real one."""
    path = folder / "with-card.toml"
    path.write_text(EXAMPLE.read_text().replace("# tags = ", "tags = "))
    return path


def test_the_example_is_valid_with_its_card(tmp_path: Path) -> None:
    example = load(with_the_card(tmp_path))
    assert example.central is None
    assert example.station.identity == "wallbox-1"
    assert example.access.tags == ("04A1B2C3D4E5F6",)


def test_evse_hal_takes_the_example_too(tmp_path: Path) -> None:
    taken = installation(Namespace(site=str(EXAMPLE), board=None))
    ours = load(with_the_card(tmp_path))
    assert (taken.board, taken.limits, taken.meter) == (ours.board, ours.limits, ours.meter)


def test_each_line_of_the_example_that_is_commented_out_is_valid_too(tmp_path: Path) -> None:
    for key in ("csms.key", "csms2.key"):
        (tmp_path / key).write_text("secret\n")
        (tmp_path / key).chmod(0o600)
    (tmp_path / "root.pem").write_text(PEM)
    example = EXAMPLE.read_text().replace("/etc/evse/csms-root.pem", str(tmp_path / "root.pem"))
    # One way of two: the password in its file, cards or everyone.
    example = re.sub(r"(?m)^# (password|free_tag|certificate_file) = .*\n", "", example)
    option = re.compile(r"(?m)^# (?=\[|[\w.]+ = )")
    assert len(option.findall(example)) > 20
    central_tables = example.count("# [central]")
    assert central_tables == 3
    for chosen in range(central_tables):
        before, *tables, after = re.split(r"(?m)^(?=# \[central\]|# --- variables)", example)
        site(tmp_path, option.sub("", before + tables[chosen] + after))


def test_the_least_file_has_the_documented_defaults(tmp_path: Path) -> None:
    found = site(tmp_path, FREE)
    assert found.limits == Limits(16_000, 6_000, 60)
    assert found.meter == ()
    assert found.central is None
    assert (found.access.mode, found.access.free_tag, found.access.tags) == ("free", "FREE", ())
    assert (found.station.vendor, found.station.model, found.station.serial) == ("evsed", "Raspberry Pi", None)
    assert found.presets == {}


def test_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(PEM)
    found = site(
        tmp_path,
        """
        [station]
        identity = "box 7/ä"
        serial = "0815"
        [board]
        name = "/etc/evse/mine.toml"
        [limits]
        max_ma = 32000
        fallback_ma = 0
        [[meter]]
        model = "sdm630"
        port = "/dev/ttyUSB0"
        [[meter]]
        model = "sdm120"
        port = "/dev/ttyUSB0"
        address = 2
        evse = 2
        [central]
        url = "wss://csms.example:8443/ocpp?tenant=1"
        password = "hex:00112233445566778899aabbccddeeff"
        ca_file = "ca.pem"
        [access]
        tags = ["A", "b"]
        [variables]
        heartbeatinterval = 60
        LocalPreAuthorize = true
        SampledDataCtrlr.TxUpdatedInterval = 10
        "TxCtrlr.EVConnectionTimeOut" = "90"
        MeterValuesSampledData = ["Voltage", "Current.Import"]
        """,
    )
    assert found.meter == (
        MeterChoice("sdm630", "/dev/ttyUSB0"),
        MeterChoice("sdm120", "/dev/ttyUSB0", evse=2, address=2),
    )
    key = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert found.central is not None
    assert (found.central.url, found.central.key) == ("wss://csms.example:8443/ocpp?tenant=1", key)
    assert (found.central.ca_file, found.central.profile) == (str(tmp_path / "ca.pem"), 2)
    assert found.presets == {
        "OCPPCommCtrlr.HeartbeatInterval": "60",
        "AuthCtrlr.LocalPreAuthorize": "true",
        "SampledDataCtrlr.TxUpdatedInterval": "10",
        "TxCtrlr.EVConnectionTimeOut": "90",
        "SampledDataCtrlr.TxUpdatedMeasurands": "Voltage,Current.Import",
    }


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("secret word: ä", "secret word: ä".encode()),
        ("00112233445566778899aabbccddeeff", b"00112233445566778899aabbccddeeff"),
        ("hex:00112233445566778899AABBCCDDEEFF00112233", bytes.fromhex("00112233445566778899aabbccddeeff00112233")),
    ],
)
def test_a_password_is_text_or_the_digits_of_its_bytes_here_or_in_a_file(
    tmp_path: Path, written: str, key: bytes
) -> None:
    here = site(tmp_path, CENTRAL + f'password = "{written}"')
    (tmp_path / "key").write_text(written + "\r\n")
    (tmp_path / "key").chmod(0o640)
    there = site(tmp_path, CENTRAL + 'password_file = "key"')
    for found in (here, there):
        assert found.central is not None
        assert found.central.key == key
        assert written not in repr(found)
        assert key.hex() not in repr(found)
        assert str(key) not in repr(found)
        assert "csms.example" in repr(found)


def test_lines_may_end_as_windows_ends_them(tmp_path: Path) -> None:
    assert site(tmp_path, FREE.replace("\n", "\r\n")).station.identity == "box-1"


# --- what it may not say -------------------------------------------------------------------------------------

KEY = CENTRAL + "password = "


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ": board is missing: it must be a table with name."),
        ('[board]\nname = "sim"', ": station is missing: it must be a table with identity."),
        (LEAST.replace("identity", "# "), ": station.identity is missing: it must be text of 1 to 48 characters."),
        (FREE + "[limit]", ": limit is not known; did you mean limits?"),
        (
            FREE + "[xyzzy]",
            ": xyzzy is not known; known are board, limits, voltage, retry, meter, station, central, access, "
            "variables.",
        ),
        (FREE + "[limits]\nmax_amp = 16", ": limits.max_amp is not known; did you mean max_ma?"),
        (FREE + "[limits]\nmax_ma = 5999", ": limits.max_ma must be a whole number from 6000 to 80000, not 5999."),
        (FREE + "[limits]\nmax_ma = 80001", ": limits.max_ma must be a whole number from 6000 to 80000, not 80001."),
        (FREE + "[limits]\nmax_ma = 16.0", ": limits.max_ma must be a whole number from 6000 to 80000, not 16.0."),
        (FREE + "[limits]\nmax_ma = true", ": limits.max_ma must be a whole number from 6000 to 80000, not True."),
        (FREE + "[limits]\nmax_ma = nan", ": limits.max_ma must be a whole number from 6000 to 80000, not nan."),
        (FREE + '[limits]\ngrace_s = "1"', ": limits.grace_s must be a whole number from 0 to 3600, not '1'."),
        (FREE + "[limits]\nfallback_ma = 500", ": limits.fallback_ma must be 0 or from 6000 to max_ma, here 16000."),
        (FREE + "[limits]\nfallback_ma = 20000", ": limits.fallback_ma must be 0 or from 6000 to max_ma, here 16000."),
        ("limits = 5\n" + FREE, ": limits must be a table, not 5."),
        (FREE + '[meter]\nmodel = "a"', ": meter must be a list, each item a table with model and port, not a table."),
        (FREE + "[[meter]]", ": meter[1].model is missing: it must be text."),
        (
            FREE + '[[meter]]\nmodel = "a"\nport = "b"\n[[meter]]\nmodel = "a"\nport = "b"\nevse = 9',
            ": meter[2].evse must be a whole number from 1 to 8, not 9.",
        ),
        (
            FREE + '[[meter]]\nmodel = "a"\nport = "b"\nparity = "X"',
            ': meter[1].parity must be "E" or "N" or "O", not \'X\'.',
        ),
        (
            FREE + '[[meter]]\nmodel = "a"\nport = "/b"\n' * 2,
            ": meter[2].evse must be another outlet: 1 has a meter already.",
        ),
        (FREE.replace('"sim"', '""'), ": board.name must be the name of a board or a path that ends in .toml."),
        (FREE.replace("box-1", "box:1"), ": station.identity must not contain a colon."),
        (
            FREE.replace("box-1", "b" * 49),
            f": station.identity must be text of 1 to 48 characters, not '{'b' * 49}'.",
        ),
        (
            FREE.replace("box-1", "box\\n"),
            ": station.identity must be printable and must not begin or end with a space.",
        ),
        (LEAST, ': nobody could ever charge: give [central], access.tags, or access.mode = "free".'),
        (FREE.replace("free", "all"), ': access.mode must be "authorized" or "free", not \'all\'.'),
        (
            FREE + 'tags = ["a"]',
            ': access.tags mean nothing with mode = "free"; take them out, or use mode = "authorized".',
        ),
        (
            CENTRAL + '[access]\nfree_tag = "a"',
            ': access.free_tag means nothing with mode = "authorized"; take it out, or use mode = "free".',
        ),
        (
            LEAST + '[access]\ntags = "a"',
            ": access.tags must be a list, each item text of 1 to 20 characters, not 'a'.",
        ),
        (LEAST + '[access]\ntags = ["a", 1]', ": access.tags[2] must be text of 1 to 20 characters, not 1."),
        (LEAST + '[access]\ntags = ["a", ""]', ": access.tags[2] must be text of 1 to 20 characters, not ''."),
        (LEAST + '[access]\ntags = ["a", "A"]', ": access.tags[2] is there twice; case makes no difference."),
        (CENTRAL.replace("url", "uri"), ": central.uri is not known; did you mean url?"),
        (LEAST + "[central]", ": central.url is missing: it must be text."),
        (
            KEY + '"a"\npassword_file = "b"',
            ": central.password and central.password_file are both there; one of them must go.",
        ),
        (
            CENTRAL.replace("wss", "ws") + 'ca_file = "x"',
            ": central.ca_file means nothing without TLS; take it out, or use wss:// in central.url.",
        ),
        (
            FREE + f"[variables]\n{'x' * 2_000} = 1",
            f": variables.{'x' * 60} is not known; 'evsectl get' lists them.",
        ),
        (
            FREE + "[variables]\nHeartbeatIntervall = 1",
            ": variables.HeartbeatIntervall is not known; did you mean HeartbeatInterval?",
        ),
        (
            FREE + "[variables]\nTxCtrlr.EVConnectionTimeout2 = 1",
            ": variables.TxCtrlr.EVConnectionTimeout2 is not known; did you mean TxCtrlr.EVConnectionTimeOut?",
        ),
        (
            FREE + "[variables]\nNumberOfConnectors = 2",
            ": variables.NumberOfConnectors can't be preset: it says what this box is.",
        ),
        (
            FREE + '[variables]\nHeartbeatInterval = 5\n"OCPPCommCtrlr.HeartbeatInterval" = 6',
            ": variables.OCPPCommCtrlr.HeartbeatInterval is preset twice; "
            "it is HeartbeatInterval and OCPPCommCtrlr.HeartbeatInterval.",
        ),
        (
            FREE + "[variables]\nHeartbeatInterval = 0",
            ": variables.HeartbeatInterval: HeartbeatInterval takes a whole number from 1 to 604800 s, not '0'.",
        ),
        (
            FREE + "[variables]\nHeartbeatInterval = 1979-05-27",
            ": variables.HeartbeatInterval takes a whole number from 1 to 604800 s.",
        ),
        (FREE + "[variables]\nLocalPreAuthorize = {}", None),
    ],
)
def test_one_sentence_says_what_is_wrong(tmp_path: Path, text: str, sentence: str | None) -> None:
    if sentence is None:
        assert site(tmp_path, text).presets == {}
    else:
        assert wrong(tmp_path, text) == sentence


@pytest.mark.parametrize(
    "url",
    [
        "http://csms.example",
        "csms.example:80",
        "wss://",
        "wss:///path",
        "wss://host:70000/",
        "wss://host:x/",
        "ws://host:0",
        "wss://[::1/",
        "wss://host/#part",
        "wss://ho st/",
        "wss://host/\\u0007",
    ],
)
def test_only_a_websocket_address_is_one(tmp_path: Path, url: str) -> None:
    sentence = wrong(tmp_path, LEAST + f'[central]\nurl = "{url}"')
    assert sentence == ": central.url must be ws://HOST[:PORT][/PATH] or the same with wss://; the identity is added."


@pytest.mark.parametrize("url", ["wss://user:hunter2@host/", "http://user:hunter2@[host/", "wss://hunter2@host"])
def test_an_address_with_a_password_in_it_is_refused_without_repeating_it(tmp_path: Path, url: str) -> None:
    sentence = wrong(tmp_path, LEAST + f'[central]\nurl = "{url}"')
    assert sentence == ": central.url must not contain a user or a password; use password_file."


@pytest.mark.parametrize(
    "password",
    ['""', '"' + "hunter2" * 10 + '"', '"hunter2\\n"', '"hex:hunter2"', '"hex:00"', "20202020", '["hunter2"]'],
)
def test_a_bad_password_is_refused_without_repeating_it(tmp_path: Path, password: str) -> None:
    sentence = wrong(tmp_path, KEY + password)
    assert sentence.startswith(": central.password must ")
    assert "hunter2" not in sentence
    assert "2020" not in sentence


def test_a_password_file_is_for_its_owner_and_group(tmp_path: Path) -> None:
    key = tmp_path / "key"
    text = CENTRAL + 'password_file = "key"'
    assert wrong(tmp_path, text) == f": central.password_file {key} can't be read: No such file or directory."
    key.write_text("hunter2")
    for mode in (0o644, 0o660, 0o604, 0o602):
        key.chmod(mode)
        assert f"has mode {mode:04o}: others could read or change it; chmod 600" in wrong(tmp_path, text)
    for mode in (0o600, 0o640, 0o400):
        key.chmod(mode)
        site(tmp_path, text)
    key.chmod(0o600)
    key.write_bytes(b"\xff\xfe")
    assert wrong(tmp_path, text) == f": central.password_file {key} is not UTF-8."
    key.write_text("x" * 5_000)
    assert wrong(tmp_path, text) == f": central.password_file {key} is larger than 4096 bytes."
    key.unlink()
    key.mkdir()
    assert wrong(tmp_path, text) == f": central.password_file {key} is not a regular file."


def test_a_certificate_file_holds_certificates(tmp_path: Path) -> None:
    text = CENTRAL + 'ca_file = "ca.pem"'
    for damaged in ("no", PEM.replace("evsed", "")[:200], PEM.replace("MIIB", "MIIC")):
        (tmp_path / "ca.pem").write_text(damaged)
        said = (
            f": central.ca_file {tmp_path / 'ca.pem'} holds no certificate in PEM form, or a damaged one; get it anew."
        )
        assert wrong(tmp_path, text) == said


# --- what a file may be --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"\xef\xbb\xbf" + FREE.encode(), " starts with a byte order mark; save it as UTF-8 without one."),
        (FREE.encode("utf-16"), ", line 1: this is not UTF-8; save the file as UTF-8."),
        (FREE.encode() + b"# \xe4", ", line 7: this is not UTF-8; save the file as UTF-8."),
        (FREE.encode() + b"#" * 70_000, " is larger than 65536 bytes."),
        (b"[station\n", ", line 1, column 9: Expected ']' at the end of a table declaration."),
        (b'[station]\nidentity = "a', ", end of document: Unterminated string."),
        (FREE.encode() * 2, ", line 7, column 9: Cannot declare ('station',) twice."),
        (FREE.encode() + b'mode = "free"\n', ", line 7, column 14: Cannot overwrite a value."),
        (b"a = " + b"[" * 30_000, ": brackets are nested too deep."),
        (b"a = \x00", ", line 1, column 5: Invalid value."),
    ],
)
def test_what_is_no_toml_is_named_with_its_line(tmp_path: Path, raw: bytes, sentence: str) -> None:
    assert wrong(tmp_path, raw) == sentence


def test_a_number_of_thousands_of_digits_is_a_sentence(tmp_path: Path) -> None:
    assert "limit" in wrong(tmp_path, "a = " + "9" * 5_000)


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"absent\.toml can't be read: No such file or directory\.$"):
        load(tmp_path / "absent.toml")
    with pytest.raises(SiteError, match=r" is not a regular file\.$"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SiteError, match=r"pipe is not a regular file\.$"):
        load(tmp_path / "pipe")
    with pytest.raises(SiteError, match="can't be read: embedded null byte"):
        load(tmp_path / "a\0b")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(SiteError, match="can't be read: Too many levels of symbolic links"):
        load(tmp_path / "loop")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_a_file_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    site(tmp_path, FREE)
    (tmp_path / "site.toml").chmod(0)
    with pytest.raises(SiteError, match=r"can't be read: Permission denied\.$"):
        load(tmp_path / "site.toml")


def test_a_file_cut_at_any_byte_or_changed_anywhere_is_valid_or_a_sentence(tmp_path: Path) -> None:
    whole = re.sub(rb"(?m)^# ?(?=\[|[\w.]+ = )|\s*#.*$", b"", EXAMPLE.read_bytes())
    dice = random.Random(7)
    harmed = [whole[:end] for end in range(0, len(whole), 3)]
    for _ in range(300):
        image = bytearray(whole)
        image[dice.randrange(len(image))] = dice.randrange(256)
        harmed.append(bytes(image))
    refused = 0
    for raw in harmed:
        try:
            site(tmp_path, raw)
        except SiteError as refusal:
            assert str(refusal).count("\n") == 0
            refused += 1
    assert refused > 0


FALLBACKS = """
    [central]
    url = "ws://first.example"
    password = "0123456789abcdef"
    [[central.fallback]]
    url = "ws://second.example"
    secure_url = "wss://second.example:444/x"
    security_profile = 2
    password = "fedcba9876543210"
    [[central.fallback]]
    url = "wss://third.example"
    security_profile = 0
"""


def test_several_central_systems_in_a_row(tmp_path: Path) -> None:
    found = site(tmp_path, LEAST + FALLBACKS).central
    assert found is not None
    row = (found, *found.fallback)
    assert [one.profile for one in row] == [1, 2, 0]
    assert [one.key for one in row] == [b"0123456789abcdef", b"fedcba9876543210", None]
    assert len({one.basis for one in row}) == 3
    again = site(tmp_path, LEAST + FALLBACKS.replace("fedcba", "abcdef")).central
    assert again is not None
    assert (again.basis, again.fallback[1].basis) == (found.basis, found.fallback[1].basis)
    assert again.fallback[0].basis != found.fallback[0].basis
    assert "fedcba" not in repr(found)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('url = "ws://h"\nsecurity_profile = 1', "central.security_profile = 1 needs central.password_file"),
        ('url = "wss://h"\nsecurity_profile = 2', "central.security_profile = 2 needs central.password_file"),
        ('url = "wss://h"\nsecurity_profile = 3', "central.security_profile = 3 needs central.certificate_file"),
        ('url = "wss://h"\ncertificate_file = "nowhere"', "central.certificate_file .*nowhere can't be read"),
        ('url = "wss://h"\npassword = "p"\nsecurity_profile = 1', "central.security_profile = 1 is without TLS"),
        ('url = "ws://h"\npassword = "p"\nsecurity_profile = 0', "central.security_profile = 0 has no password"),
        ('url = "ws://h"\nsecurity_profile = 4', "central.security_profile must be a whole number from 0 to 3"),
        ('url = "ws://h"\nsecure_url = "ws://h"', "central.secure_url must be wss://"),
        ('url = "ws://h"\n[[central.fallback]]\nurl = "x"', r"central.fallback\[1\].url must be ws://"),
        ('url = "ws://h"\n[[central.fallback]]\nurl = "ws://x"\nca_file = "c"', r"central.fallback\[1\].ca_file means"),
    ],
)
def test_a_wrong_word_about_the_connection_is_one_sentence(tmp_path: Path, table: str, sentence: str) -> None:
    with pytest.raises(SiteError, match=sentence):
        site(tmp_path, f"{LEAST}[central]\n{table}")


def test_the_station_s_own_certificate(tmp_path: Path) -> None:
    root = pki.make(tmp_path, "root", authority=True)
    own = pki.make(tmp_path, "own", root, common_name="SN1").path
    text = f'{LEAST}[central]\nurl = "wss://h"\nsecurity_profile = 3\ncertificate_file = "{own}"'
    own.chmod(0o644)
    assert "has mode 0644" in wrong(tmp_path, text)
    own.chmod(0o600)
    found = site(tmp_path, text).central
    assert found is not None
    assert (found.profile, found.certificate) == (3, str(own))
    for more, profile in (("", 3), ('password = "p"\n', 2)):  # beside a password it waits for the profile to rise
        follows = site(tmp_path, text.replace("security_profile = 3\n", more)).central
        assert follows is not None and (follows.profile, follows.certificate) == (profile, str(own))
    own.write_text(own.read_text().partition("-----BEGIN PRIVATE KEY")[0])
    assert "must hold the station's certificate and its key" in wrong(tmp_path, text)


@pytest.mark.parametrize("key", ["SecurityProfile", "AuthorizationKey"])
def test_what_belongs_into_another_table_says_so(tmp_path: Path, key: str) -> None:
    with pytest.raises(SiteError, match=f"variables.{key} can't be preset here; write central"):
        site(tmp_path, f'{LEAST}[central]\nurl = "ws://h"\n[variables]\n{key} = "2"')
