"""HTTP tools against a real server on this machine."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from benchmarks.hostile.servers import answering
from tests.network.tools.sites import Site, serving
from tests.network.tools.using import answer, call_in, used

from stemma.core.errors import InvalidInput
from stemma.core.trust import UNTRUSTED
from stemma.network.tools.http import HttpTools
from stemma.network.tools.invoking import invoke
from stemma.network.tools.tool import Effect, Tool, ToolFailed, ToolSpec


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def web(site: Site, **options: Any) -> ToolSpec:
    return ToolSpec("web", "http", {"allow": [f"{site.url}/v1/"], **options})


def get(site: Site, path: str, *, timeout: float | None = None, **options: Any) -> Any:
    spec = ToolSpec("web", "http", web(site, **options).options, timeout=timeout)
    return answer(spec, Path(), "web_get", url=f"{site.url}{path}")


def test_get(site: Site) -> None:
    """A page under the list is fetched, in its own encoding, with its status and type."""
    url = f"{site.url}/v1/hello"
    assert get(site, "/v1/hello") == {"status": 200, "type": "text/plain; charset=utf-8", "url": url, "text": "héllo"}
    assert get(site, "/v1/latin")["text"] == "café"


def test_post(site: Site) -> None:
    """A body is sent as JSON with the call's key, and only where the manifest allows POST."""
    spec = web(site, methods=["post"])
    result = answer(spec, Path(), "web_post", url=f"{site.url}/v1/orders", body={"tea": 2})
    assert (result["status"], result["text"]) == (201, '{"order": 1}')
    method, _, headers, body = site.asked[0]
    assert (method, headers["idempotency-key"], body) == ("POST", "run_1.1/0", '{"tea":2}')


def test_methods_and_effects(site: Site) -> None:
    """GET alone unless more is listed; both go out, both bring back what is untrusted, and only GET may be repeated."""

    async def described(tools: Mapping[str, Tool]) -> dict[str, Any]:
        return {name: (tool.effect, tool.label, tool.may_repeat) for name, tool in tools.items()}

    assert used(web(site), Path(), described) == {"web_get": (Effect.EGRESS, UNTRUSTED, True)}
    both = used(web(site, methods=["get", "post"]), Path(), described)
    assert both == {"web_get": (Effect.EGRESS, UNTRUSTED, True), "web_post": (Effect.EGRESS, UNTRUSTED, False)}


def test_url_off_the_list(site: Site) -> None:
    """A URL off the list is refused before anything is sent."""
    with pytest.raises(ToolFailed, match=rf"is not under {site.url}/v1/"):
        get(site, "/admin")
    assert not site.asked


def test_redirect_within(site: Site) -> None:
    """A redirect that stays on the list is followed, and the answer says where it came from."""
    assert get(site, "/v1/here")["url"] == f"{site.url}/v1/hello?from=here"


@pytest.mark.parametrize("path", ["/v1/out", "/v1/elsewhere"])
def test_redirect_out(path: str) -> None:
    """A redirect off the list, on the same host or to another, is not followed."""
    with serving() as other, serving(elsewhere=f"{other.url}/v1/hello") as site:
        with pytest.raises(ToolFailed, match=r"is not under"):
            get(site, path)
        assert not other.asked
        assert [asked[1] for asked in site.asked] == [path]


def test_redirect_loop(site: Site) -> None:
    """A redirect without an end is given up."""
    with pytest.raises(ToolFailed, match=r"redirects more than 5 times"):
        get(site, "/v1/loop")
    assert len(site.asked) == 6


def test_post_is_not_redirected(site: Site) -> None:
    """What was posted is not posted again elsewhere."""
    with pytest.raises(ToolFailed, match=r"redirects, which a POST does not follow"):
        answer(web(site, methods=["post"]), Path(), "web_post", url=f"{site.url}/v1/here", body=1)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/large", "answered with more than 1,000 bytes, which is the limit"),
        ("/v1/packed", "answered compressed, though asked not to"),
        ("/v1/image", "answered with image/png that is not text"),
        ("/v1/nothing", "answered 404: no such page"),
        ("/v1/short", "broke off: RemoteProtocolError"),
    ],
)
def test_answers_that_are_none(site: Site, path: str, told: str) -> None:
    """An answer that is too large, packed, not text, an error or cut short is told in words."""
    with pytest.raises(ToolFailed, match=told):
        get(site, path, max_bytes=1000)


def test_server_that_hangs(site: Site) -> None:
    """A server that never answers is given up when the tool's time is."""
    with pytest.raises(ToolFailed, match=r"tool 'web_get' did not answer within 0.1 seconds"):
        get(site, "/v1/hang", timeout=0.1)


def test_nobody_there() -> None:
    """A port without a server is told as such."""
    spec = ToolSpec("web", "http", {"allow": ["http://127.0.0.1:9/"]})
    with pytest.raises(ToolFailed, match=r"'http://127.0.0.1:9/' cannot be asked"):
        answer(spec, Path(), "web_get", url="http://127.0.0.1:9/")


def test_no_cookies(site: Site) -> None:
    """What one call was told to remember, the next does not say."""

    async def twice(tools: Mapping[str, Tool]) -> None:
        for _ in range(2):
            await invoke(tools["web_get"], {"url": f"{site.url}/v1/hello"}, call_in(Path()), max_chars=1000)

    used(web(site), Path(), twice)
    assert all("cookie" not in headers for _, _, headers, _ in site.asked)


def asked_by_name(site: Site, addresses: Sequence[str], **options: Any) -> Any:
    """GET of a name that stands for `addresses`, as a resolver that somebody else keeps says."""
    port = site.url.rpartition(":")[2]
    names: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        names.append(host)
        return addresses

    async def main() -> Any:
        spec = ToolSpec("web", "http", {"allow": [f"http://shop.example:{port}/v1/"], **options})
        web = HttpTools(spec, Path(), resolve=resolve)
        try:
            tool = (await web.tools())["web_get"]
            return await invoke(tool, {"url": f"http://shop.example:{port}/v1/hello"}, call_in(Path()), max_chars=1000)
        finally:
            await web.close()

    result = asyncio.run(main())
    assert names == ["shop.example"]
    return result


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["fe80::1%eth0"],
        ["169.254.169.254"],
    ],
)
def test_name_of_a_private_machine(site: Site, addresses: Sequence[str]) -> None:
    """A listed name that somebody points at a machine of ours is not asked."""
    with pytest.raises(ToolFailed, match=r"'shop.example' stands for the private address"):
        asked_by_name(site, addresses)
    assert not site.asked


def test_name_of_a_private_machine_allowed(site: Site) -> None:
    """Where the manifest says so it is asked, by the address that was looked at and under its own name."""
    assert asked_by_name(site, ["127.0.0.1"], private=True)["text"] == "héllo"
    assert site.asked[0][2]["host"] == f"shop.example:{site.url.rpartition(':')[2]}"


def test_next_address_when_one_is_dead(site: Site) -> None:
    """A name with several addresses is asked at the next one when nobody answers at the first."""
    assert asked_by_name(site, ["127.0.0.2", "127.0.0.1"], private=True)["status"] == 200


def test_localhost_is_named(site: Site) -> None:
    """localhost on the list is this machine, and may be."""
    port = site.url.rpartition(":")[2]
    spec = ToolSpec("web", "http", {"allow": [f"http://localhost:{port}/"]})
    assert answer(spec, Path(), "web_get", url=f"http://localhost:{port}/v1/hello")["text"] == "héllo"


def test_unknown_name() -> None:
    """A name without an address is told as such."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    async def main() -> None:
        web = HttpTools(ToolSpec("web", "http", {"allow": ["http://shop.example/"]}), Path(), resolve=resolve)
        with pytest.raises(ToolFailed, match=r"'shop.example' has no address \(Name or service not known\)"):
            await invoke((await web.tools())["web_get"], {"url": "http://shop.example/"}, call_in(Path()), max_chars=10)
        await web.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"allow": []},
        {"allow": ["example.com"]},
        {"allow": ["http://a.com"], "methods": ["put"]},
        {"allow": ["http://a.com"], "methods": []},
    ],
)
def test_options_that_are_wrong(options: Mapping[str, Any]) -> None:
    """A list that allows nothing, a prefix that is no URL and an unknown method are refused with the tool's name."""
    with pytest.raises(InvalidInput, match=r"tool 'web': "):
        HttpTools(ToolSpec("web", "http", options), Path())


@pytest.mark.parametrize(
    "charset", ["punycode", "idna", "utf-7", "zlib", "hex", "undefined", "x" * 5000, "../utf_8", "\0"]
)
def test_encoding_that_no_page_has(charset: str) -> None:
    """An encoding that takes minutes, or gives what is no text, is not used, whatever the server says."""
    with answering() as (url, answer_with):
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset={charset}\r\nContent-Length: 500000\r\n\r\n"
        answer_with(head.encode() + b"a" * 500_000)
        spec = ToolSpec("web", "http", {"allow": [url]})
        with pytest.raises(ToolFailed, match=r"that is not text|RemoteProtocolError") as refusal:
            answer(spec, Path(), "web_get", url=url)
        assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n", "is not under"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://a@127.0.0.1/\r\nContent-Length: 0\r\n\r\n", "user or a password"),
        (b"HTTP/1.1 302 Found\r\nLocation: //[\r\nContent-Length: 0\r\n\r\n", "ValueError|is not a URL"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
            "is not a URL that begins",
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /" + b"x" * 9000 + b"\r\nContent-Length: 0\r\n\r\n",
            "more than 4,000 characters",
        ),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500_000 + b"\r\n\r\n", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3_000_000, "more than 1,000,000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: identity, gzip\r\n\r\nx", "answered compressed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxxx", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFFFF\r\nx", "RemoteProtocolError"),
        (b"\0" * 100_000, "RemoteProtocolError"),
        (b"", "RemoteProtocolError"),
    ],
    ids=range(12),
)
def test_hostile_answers(response: bytes, told: str) -> None:
    """What a server says wrongly, endlessly or to lead elsewhere ends in one line."""
    with answering() as (url, answer_with):
        answer_with(response)
        with pytest.raises(ToolFailed, match=told) as refusal:
            answer(ToolSpec("web", "http", {"allow": [url]}), Path(), "web_get", url=url)
        assert len(str(refusal.value)) < 5000
        assert len(str(refusal.value).splitlines()) == 1
