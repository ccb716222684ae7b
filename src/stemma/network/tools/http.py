"""HTTP for agents: pages and services under an allow-list, and nothing behind it."""

import asyncio
import codecs
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urljoin

import httpx2

from stemma.core.errors import InvalidInput
from stemma.core.trust import UNTRUSTED
from stemma.network.tools.allowed import AllowList, Prefix, as_address, is_public
from stemma.network.tools.invoking import shortened
from stemma.network.tools.options import options_of, wrong
from stemma.network.tools.tool import Call, Effect, Tool, ToolFailed, ToolSpec

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses that a name stands for."""

_REDIRECTS = 5
_REDIRECTED = (301, 302, 303, 307, 308)
_LONGEST_URL = 4000
_URL = {"type": "string", "minLength": 1, "maxLength": _LONGEST_URL}
_ENCODING_NAME = re.compile(r"[A-Za-z0-9_:-]{1,40}")
_ENCODINGS = re.compile(
    r"ascii|utf-8(-sig)?|utf-(16|32)(-[lb]e)?|iso8859-\d+|cp\d+|koi8-[ru]|mac-roman"
    r"|shift_jis|euc_(jp|kr)|iso2022_jp|gb2312|gbk|gb18030|big5"
)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """`allow` lists URL prefixes: ``https://api.example.com/v1/`` allows what lies under that path of that host and port.

    A name that stands for a private address (10.0.0.1, 127.0.0.1) is not asked, so that nobody who answers for a name
    can point it at your own machines. What may be asked there is listed by address or as localhost; or `private` allows
    it for every name listed. `max_bytes` is the longest answer.
    """

    allow: tuple[str, ...]
    methods: tuple[Literal["get", "post"], ...] = ("get",)
    private: bool = False
    max_bytes: int = 1_000_000


class HttpTools:
    """``<name>_get`` and, where `methods` say so, ``<name>_post``.

    Both send something out: a URL is enough to tell a stranger what an agent read. What comes back is UNTRUSTED. Asking
    twice is the same as asking once; telling twice is not, and a POST carries the call's key as ``Idempotency-Key``.
    Redirects are followed by GET alone, and only within the list. No cookies are kept and no proxy is used.
    """

    def __init__(self, spec: ToolSpec, folder: Path, *, resolve: Resolve | None = None) -> None:
        self._options = options_of(spec, HttpOptions)
        try:
            self._allowed = AllowList(self._options.allow)
        except InvalidInput as error:
            raise wrong(spec, str(error)) from error
        self._resolve = resolve or resolved
        self._client: httpx2.AsyncClient | None = None
        made = {
            "get": Tool(
                f"{spec.name}_get",
                f"Fetches a page or a document by GET. Allowed: {', '.join(self._options.allow)}",
                _parameters({"url": _URL}, ("url",)),
                self._get,
                effect=Effect.EGRESS,
                label=UNTRUSTED,
                idempotent=True,
            ),
            "post": Tool(
                f"{spec.name}_post",
                f"Sends JSON by POST. Allowed: {', '.join(self._options.allow)}",
                _parameters({"url": _URL, "body": {}}, ("url", "body")),
                self._post,
                effect=Effect.EGRESS,
                label=UNTRUSTED,
            ),
        }
        if not self._options.methods:
            raise wrong(spec, "'methods' is empty; list get, post or both")
        self._tools = {made[method].name: spec.over(made[method]) for method in self._options.methods}

    async def tools(self) -> Mapping[str, Tool]:
        return self._tools

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _get(self, arguments: Mapping[str, Any], call: Call) -> Any:
        url: str = arguments["url"]
        for _ in range(_REDIRECTS + 1):
            response = await self._sent("GET", url)
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTED or not location:
                return _answer(response, url)
            if len(location) > _LONGEST_URL:
                raise ToolFailed(f"{arguments['url']!r} redirects to a URL of more than {_LONGEST_URL:,} characters")
            url = urljoin(url, location)
        raise ToolFailed(f"{arguments['url']!r} redirects more than {_REDIRECTS} times")

    async def _post(self, arguments: Mapping[str, Any], call: Call) -> Any:
        response = await self._sent(
            "POST", arguments["url"], json=arguments["body"], headers={"Idempotency-Key": call.key}
        )
        if response.status_code in _REDIRECTED:
            raise ToolFailed(f"{arguments['url']!r} redirects, which a POST does not follow")
        return _answer(response, arguments["url"])

    async def _sent(
        self, method: str, written: str, *, headers: Mapping[str, str] | None = None, **content: Any
    ) -> httpx2.Response:
        """The answer, its body read. The machine asked is one that was looked at: its address is resolved once, here."""
        try:
            prefix = self._allowed.prefix_of(written)
        except InvalidInput as error:
            raise ToolFailed(str(error)) from error
        url = httpx2.URL(written).copy_with(fragment=None)
        client = self._open()
        failed = ""
        for address in await self._addresses(prefix, written):
            request = client.build_request(
                method,
                url.copy_with(host=address),
                headers={"Accept-Encoding": "identity", **(headers or {}), "Host": url.netloc.decode()},
                extensions={"sni_hostname": prefix.host},
                **content,
            )
            try:
                response = await client.send(request, stream=True, follow_redirects=False)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failed = str(error) or type(error).__name__
                continue  # nothing was sent: another of its addresses may answer
            except httpx2.HTTPError as error:
                raise ToolFailed(
                    f"{written!r} cannot be asked: {type(error).__name__}: {shortened(str(error))}"
                ) from error
            return await self._read(response, written)
        raise ToolFailed(f"{written!r} cannot be asked: {shortened(failed)}")

    async def _addresses(self, prefix: Prefix, written: str) -> Sequence[str]:
        try:
            found = [prefix.host] if as_address(prefix.host) else await self._resolve(prefix.host, prefix.port)
        except OSError as error:
            raise ToolFailed(
                f"{written!r} cannot be asked: {prefix.host!r} has no address ({error.strerror})"
            ) from error
        if not (prefix.names_machine or self._options.private):
            # One private address among public ones is enough: which one is taken is chance.
            for text in found:
                address = as_address(text.partition("%")[0])
                if address is None or not is_public(address):
                    raise ToolFailed(
                        f"{written!r} is not asked: {prefix.host!r} stands for the private address {text}; "
                        "the manifest can allow that with 'private: true'"
                    )
        return found

    async def _read(self, response: httpx2.Response, written: str) -> httpx2.Response:
        body = bytearray()
        try:
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise ToolFailed(f"{written!r} answered compressed, though asked not to; that is not unpacked")
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._options.max_bytes:
                    raise ToolFailed(
                        f"{written!r} answered with more than {self._options.max_bytes:,} bytes, which is the limit"
                    )
        except httpx2.HTTPError as error:
            raise ToolFailed(f"{written!r} broke off: {type(error).__name__}: {shortened(str(error))}") from error
        finally:
            await response.aclose()
        return httpx2.Response(response.status_code, headers=response.headers, content=bytes(body))

    def _open(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                trust_env=False,
                verify=ssl.create_default_context(),
                # A connection is never used again: two names may share an address, and only one certificate was looked
                # at.
                limits=httpx2.Limits(max_keepalive_connections=0),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                headers={"User-Agent": "stemma"},
            )
        return self._client


async def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`, as the system's resolver orders them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _answer(response: httpx2.Response, url: str) -> dict[str, Any]:
    kind = response.headers.get("content-type", "")
    try:
        text = response.content.decode(_encoding(response.charset_encoding or "utf-8"))
    except (UnicodeError, LookupError) as error:
        raise ToolFailed(f"{url!r} answered with {shortened(kind)[:200] or 'something'} that is not text") from error
    if response.status_code >= 400:
        raise ToolFailed(f"{url!r} answered {response.status_code}: {shortened(text[:500])}")
    return {"status": response.status_code, "type": kind, "url": url, "text": text}


def _encoding(name: str) -> str:
    """Python's name of the encoding. Raises LookupError for what no page is written in.

    Not whatever Python knows: a megabyte of Punycode takes ten seconds to decode, and UTF-7 spells what is not text.
    """
    known = codecs.lookup(name).name if _ENCODING_NAME.fullmatch(name) else ""
    if not _ENCODINGS.fullmatch(known):
        raise LookupError(name)
    return known


def _parameters(properties: dict[str, Any], required: Sequence[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
