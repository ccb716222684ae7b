"""The allow-list: a URL is allowed when every reader takes it for a place on the list."""

from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.network.tools.allowed import AllowList, is_public

API = AllowList(["https://api.example.com/v1/", "http://127.0.0.1:8080"])


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1/",
        "https://api.example.com/v1/items",
        "https://api.example.com/v1/items/7?page=2&q=a%20b",
        "https://api.example.com:443/v1/items#part",
        "HTTPS://API.EXAMPLE.COM/v1/items",
        "https://api.example.com/v1/a/../b",
        "https://api.example.com/v1/?next=https://evil.com/../..",
        "https://api.example.com/v1/caf%C3%A9",
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8080/any/thing",
    ],
)
def test_allowed(url: str) -> None:
    """What lies under a prefix is allowed, however host and scheme are written and whatever is asked."""
    assert API.prefix_of(url).host in {"api.example.com", "127.0.0.1"}


REFUSED = [
    "http://api.example.com/v1/items",
    "https://api.example.com/v2/items",
    "https://api.example.com/v1",
    "https://api.example.com/v10/",
    "https://api.example.com/V1/items",
    "https://api.example.com:8443/v1/items",
    "https://api.example.com.evil.com/v1/items",
    "https://evil.com/api.example.com/v1/",
    "https://evil.com/https://api.example.com/v1/",
    "https://evil.com?https://api.example.com/v1/",
    "https://evil.com#https://api.example.com/v1/",
    "https://api.example.com@evil.com/v1/",
    "https://user:secret@api.example.com/v1/",
    "https://@api.example.com/v1/",
    "https://api.example.com%40evil.com/v1/",
    "https://api.example.com\\@evil.com/v1/",
    "https://evil.com\\@api.example.com/v1/",
    "https:\\\\api.example.com\\v1\\",
    "//api.example.com/v1/items",
    "//evil.com/v1/",
    "///evil.com/v1/",
    "https:////evil.com/v1/",
    "https:/api.example.com/v1/",
    "https:api.example.com/v1/",
    "api.example.com/v1/",
    "ftp://api.example.com/v1/",
    "file:///etc/passwd",
    "javascript:alert(1)//api.example.com/v1/",
    "data:text/plain,x",
    "https://api.example.com./v1/",
    "https://api.example.com/v1/../admin",
    "https://api.example.com/v1/%2e%2e/admin",
    "https://api.example.com/v1/%2E./admin",
    "https://api.example.com/v1/%252e%252e/admin",
    "https://api.example.com/v1/..%2fadmin",
    "https://api.example.com/v1%2f../admin",
    "https://api.example.com/v1%2fitems",
    "https://api.example.com/v1/a%5cb",
    "https://api.example.com/v1/..%5cadmin",
    "https://api.example.com/v1/..;/admin",
    "https://api.example.com/v1/.%2e;x=1/admin",
    "https://api.example.com/v1/a%00b",
    "https://api.example.com/v1/a%0d%0aHost:%20evil.com",
    "https://api.example.com/v1/ items",
    "https://api.example.com/v1/\titems",
    "https://api.example.com/v1/\r\nHost: evil.com",
    " https://api.example.com/v1/",
    "https://api。example。com/v1/x y",
    "https://2130706433/v1/",
    "https://xn--pi-2wa.example.com/v1/",
    "http://0x7f.1:8080/",
    "http://127.1:8080/",
    "http://[::ffff:127.0.0.1]:8080/",
    "http://127.0.0.1:80/",
    "http://127.0.0.1:8080@evil.com/",
    "http://localhost:8080/",
    "https://",
    "",
]


@pytest.mark.parametrize("url", REFUSED, ids=range(len(REFUSED)))
def test_refused(url: str) -> None:
    """Nothing that only looks like a place on the list is allowed."""
    with pytest.raises(InvalidInput):
        API.prefix_of(url)


def test_backslash() -> None:
    """A backslash is a slash to some, so it has no place in a URL."""
    with pytest.raises(InvalidInput, match=r"a control character or a backslash; percent-encode it"):
        API.prefix_of("https://api.example.com/v1/a\\b")


def test_message_says_what_is_allowed() -> None:
    """A model that asks for another place is told the places there are."""
    with pytest.raises(
        InvalidInput, match=r"'https://evil.com/' is not under https://api.example.com/v1/ or http://127.0.0.1:8080$"
    ):
        API.prefix_of("https://evil.com/")


def test_prefix_without_slash() -> None:
    """A prefix that is a page allows it and what lies under it, not what begins like it."""
    pages = AllowList(["https://a.com/v1"])
    assert pages.prefix_of("https://a.com/v1?x=1").path == "/v1"
    assert pages.prefix_of("https://a.com/v1/x").path == "/v1"
    with pytest.raises(InvalidInput):
        pages.prefix_of("https://a.com/v1.1")


@pytest.mark.parametrize(
    "prefix", ["https://*.example.com/", "https://a.com/?q=", "ftp://a.com", "a.com", "https://u@a.com/", ""]
)
def test_prefix_that_is_none(prefix: str) -> None:
    """A prefix that could not mean what it seems to is refused."""
    with pytest.raises(InvalidInput):
        AllowList([prefix])


def test_empty_list() -> None:
    """A list that allows nothing is a mistake."""
    with pytest.raises(InvalidInput, match=r"is empty"):
        AllowList([])


pieces = st.sampled_from(
    [
        "https:",
        "http:",
        "/",
        "//",
        "api.example.com",
        "evil.com",
        "@",
        "\\",
        "?",
        "#",
        "..",
        ".",
        "%2e",
        "%2f",
        "%25",
        ":443",
        ":80",
        "v1",
        "V1",
        ";",
        "a",
        " ",
    ]
)


@given(st.lists(pieces, max_size=12).map("".join))
@example("https://api.example.com/v1/..;/a")
def test_allowed_means_there(url: str) -> None:
    """Whatever is allowed, the standard library and a server that decodes twice see the same host and a path below it."""
    try:
        prefix = API.prefix_of(url)
    except InvalidInput:
        return
    read = urlsplit(url)
    assert (read.scheme, read.hostname, read.port or 443) == ("https", "api.example.com", 443)
    assert prefix.path == "/v1/"
    path = unquote(unquote(read.path))
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step not in ("", "."):
            steps.append(step)
    assert steps[0] == "v1"


@given(st.sampled_from(["/", "/v1", "/v1/", "/a/b/"]), st.text("ab1/._~-", max_size=12))
def test_under_a_prefix_is_allowed(path: str, rest: str) -> None:
    """Every path without steps back that begins with a prefix is allowed."""
    allowed = AllowList([f"https://a.com{path}"])
    assume(not {".", ".."} & set(rest.split("/")))
    assert allowed.prefix_of(f"https://a.com{path.rstrip('/')}/{rest.lstrip('/')}").host == "a.com"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "255.255.255.255", "224.0.0.1", "240.0.0.1", "198.18.0.1", "168.63.129.16",
        "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "2001:db8::1", "64:ff9b:1::a00:1",
    ],
)  # fmt: skip
def test_private_addresses(address: str) -> None:
    """Addresses of machines and networks of one's own are not public, in whatever clothes they come."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::5db8:d822"])
def test_public_addresses(address: str) -> None:
    """Addresses of the open internet are."""
    assert is_public(ip_address(address))
