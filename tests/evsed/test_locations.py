"""Addresses of central systems, taken for what they may be: mistaken or hostile."""

from __future__ import annotations

import pytest

from evsed.locations import (
    LocationRefused,
    Nearness,
    least_nearness,
    led_to,
    location,
    nearness,
    reachable,
    secrets_of,
    within,
)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "/etc/passwd", "file:///etc/passwd", "gopher://h/", "dict://h/", "scp://h/x", "http:///x"),
        *("http://h/\r\nX: y", "ftp://h/%0d%0aDELE%20x", "ftp://h/a%00b", "http://h/a b", "http://h\\x/"),
        *(
            "http://-oProxy/x",
            "http://h:99999/",
            "http://h:x/",
            "http://[::1/",
            "http://[fe80::1%25eth0]/",
            "http://hé/",
        ),
        *("http://a$(id)/", "http://a;id/", "http://a`id`/", "http://a|b/", "HTTP//h"),
    ],
)
def test_what_is_no_address_of_a_file_server_is_refused(text: str) -> None:
    with pytest.raises(LocationRefused) as why:
        location(text)
    assert str(why.value).isprintable()


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port"),
    [
        ("http://h/x", "http", "h", 80),
        ("HTTPS://Files.Example/x", "https", "files.example", 443),
        ("ftp://user:pa%20ss@10.0.0.1/x", "ftp", "10.0.0.1", 21),
        ("ftps://h:2121/x", "ftps", "h", 2121),
        ("https://[2001:db8::1]:8443/x", "https", "2001:db8::1", 8443),
    ],
)
def test_what_is_one_is_read(text: str, scheme: str, host: str, port: int) -> None:
    read = location(text)
    assert (read.scheme, read.host, read.port) == (scheme, host, port)


def test_no_password_is_shown() -> None:
    read = location("ftp://user:canary@h/canary?canary")
    assert "canary" not in read.shown and "user" not in read.shown


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("ftp://h/in/", "ftp://h/in/log"),
        ("ftp://u:p@h", "ftp://u:p@h/log"),
        ("https://h/in", "https://h/in/log"),
        ("https://h/object?signed=1", "https://h/object?signed=1"),
        ("https://h/in/?token=1", "https://h/in/log?token=1"),
        ("https://h?token=1", "https://h/log?token=1"),
        ("https://h/in#part", "https://h/in/log"),
    ],
)
def test_a_file_lies_in_its_folder(folder: str, file: str) -> None:
    assert within(location(folder), "log").url == file


@pytest.mark.parametrize(
    ("address", "near"),
    [
        *(("8.8.8.8", Nearness.PUBLIC), ("2606:4700::1", Nearness.PUBLIC)),
        *(("10.1.2.3", Nearness.PRIVATE), ("192.168.1.1", Nearness.PRIVATE), ("fd00::1", Nearness.PRIVATE)),
        *(
            ("127.0.0.1", Nearness.HERE),
            ("127.9.9.9", Nearness.HERE),
            ("::1", Nearness.HERE),
            ("0.0.0.0", Nearness.HERE),
        ),
        *(("169.254.169.254", Nearness.HERE), ("fe80::1%eth0", Nearness.HERE), ("224.0.0.1", Nearness.HERE)),
        *(("::ffff:127.0.0.1", Nearness.HERE), ("::ffff:10.0.0.1", Nearness.PRIVATE)),
    ],
)
def test_how_near_an_address_is(address: str, near: Nearness) -> None:
    assert nearness(address) is near


def test_of_many_addresses_only_those_that_are_not_too_near_count() -> None:
    assert reachable(["127.0.0.1", "8.8.8.8", "10.0.0.1"], Nearness.PUBLIC) == ["8.8.8.8"]
    assert reachable(["127.0.0.1", "10.0.0.1"], Nearness.PRIVATE) == ["10.0.0.1"]
    with pytest.raises(LocationRefused):
        reachable(["127.0.0.1"], Nearness.PRIVATE)
    with pytest.raises(LocationRefused):
        reachable(["10.0.0.1"], Nearness.PUBLIC)


@pytest.mark.parametrize("target", ["http://h/x", "ftp://h/x", "ftps://h/x", "file:///x"])
def test_a_secure_server_leads_to_nothing_less(target: str) -> None:
    with pytest.raises(LocationRefused):
        led_to(location("https://h/"), target)


def test_where_a_server_leads_may_be_told_in_short() -> None:
    assert led_to(location("https://h/a/b"), "../c").url == "https://h/c"
    assert led_to(location("http://h/a"), "https://other/").url == "https://other/"


@pytest.mark.parametrize(
    ("central", "near"),
    [
        ("wss://csms.example/x", Nearness.PRIVATE),
        ("ws://192.168.1.2:9000", Nearness.PRIVATE),
        ("ws://127.0.0.1:9000", Nearness.HERE),
        ("ws://localhost:9000", Nearness.HERE),
    ],
)
def test_files_may_lie_as_near_as_the_central_system(central: str, near: Nearness) -> None:
    assert least_nearness(central) is near


def test_every_secret_of_an_address_is_known() -> None:
    found = secrets_of("ftp://user:pa%20ss@h/x")
    assert {"user", "pa%20ss", "pa ss", "user:pa%20ss"} <= set(found)
    assert secrets_of("https://h/x?token=canary") == ["token=canary", "token=canary"]
    assert secrets_of("https://h/x") == []


@pytest.mark.parametrize("text", ["http://[x", "http://a]b/", "http://[v1.x/c?d"])
def test_what_is_no_address_is_secret_as_a_whole_and_leads_nowhere(text: str) -> None:
    assert text in secrets_of(text)
    with pytest.raises(LocationRefused):
        led_to(location("http://h/x"), text)
