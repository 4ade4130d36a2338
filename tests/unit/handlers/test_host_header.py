import pytest

from rtmanager.handlers.host_header import LONGEST, Host, parse_host


def host_of(value: bytes) -> Host:
    """Parse a value that is a host."""
    host = parse_host(value)
    assert host is not None
    return host


@pytest.mark.parametrize("port", [b"", b":", b":80", b":8096", b":65535"])
@pytest.mark.parametrize(
    "address", [b"127.0.0.1", b"10.0.0.7", b"[::1]", b"[FE80::1]", b"[::1.2.3.4]"]
)
def test_ip_literals_are_addresses_with_any_port(address: bytes, port: bytes) -> None:
    """An IPv4 address, or an IPv6 address in brackets, is one whatever its port."""
    assert host_of(address + port).is_address


@pytest.mark.parametrize("name", [b"localhost", b"RTManager", b"rtm-2", b"_rtm", b"localhost."])
def test_name_without_dots_is_local(name: bytes) -> None:
    """A name of one label is not looked up in the public DNS; `localhost` never is."""
    host = host_of(name + b":8096")

    assert (host.is_address, host.is_local_name) == (False, True)


@pytest.mark.parametrize(
    "name",
    [
        b"evil.example",
        b"127.0.0.1.evil.example",
        b"127.0.0",
        b"127.1",
        b"0177.0.0.1",
        b"256.0.0.1",
        b"0x7f.0.0.1",
        b"2130706433",
        b"0",
        b"0x7f000001",
        b"0x",
        b"1.2.3.4.5",
        b"a..b",
        b"ai.",
        b"rtmanager.",
        b"local-host.",
        b"127.0.0.1.",
    ],
)
def test_other_names_are_neither(name: bytes) -> None:
    """Names with dots, and numbers that some clients read as addresses, prove nothing.

    With its final dot a name of one label is a top-level domain, and some have an address.
    """
    host = host_of(name)

    assert (host.is_address, host.is_local_name) == (False, False)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b":8096",
        b".",
        b"a..",
        b"..",
        b".a",
        b"-a",
        b" localhost",
        b"localhost ",
        b"localhost\x00",
        b"local\x7fhost",
        b"localhost\t",
        b"localhost:8096:1",
        b"localhost:-1",
        b"localhost:http",
        b"localhost:123456",
        b"localhost/",
        b"localhost#",
        b"localhost?",
        b"localhost,evil.example",
        b"user@localhost",
        b"user:pw@127.0.0.1",
        b"http://localhost",
        b"loc%61lhost",
        b"loc\xc3\xa4l",
        b"::1",
        b"[::1",
        b"[]",
        b"[:]",
        b"[::1].",
        b"[::1%25eth0]",
        b"[127.0.0.1]",
        b"[1::2::3]",
        b"a" * (LONGEST + 1),
    ],
)
def test_other_values_are_no_hosts(value: bytes) -> None:
    """User names, control bytes, lists, escapes and zones are no part of a host."""
    assert parse_host(value) is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b"Ops.Example.ORG", "ops.example.org"),
        (b"ops.example.org.", "ops.example.org"),
        (b"ops.example.org.:443", "ops.example.org"),
    ],
)
def test_name_is_in_lower_case_without_port_and_final_dot(value: bytes, name: str) -> None:
    """Names are compared as the DNS compares them."""
    assert host_of(value).name == name


@pytest.mark.parametrize(
    ("value", "scheme", "origin"),
    [
        (b"localhost:8096", "http", "http://localhost:8096"),
        (b"LOCALHOST:80", "http", "http://localhost"),
        (b"localhost:443", "http", "http://localhost:443"),
        (b"localhost:443", "https", "https://localhost"),
        (b"[::1]:80", "http", "http://[::1]"),
        (b"localhost.:8096", "http", "http://localhost.:8096"),
    ],
)
def test_origin_is_what_a_browser_writes(value: bytes, scheme: str, origin: str) -> None:
    """A browser leaves out the scheme's own port, and keeps a final dot."""
    assert host_of(value).origin(scheme) == origin
