"""A provider's own client, against a server in this process that speaks OpenAI's protocol."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stemma.core.errors import ModelError
from stemma.models import Completion, Models, complete
from stemma.models.completion import ProviderUnavailable

ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "refund"}}],
    "usage": {"prompt_tokens": 120, "completion_tokens": 3, "total_tokens": 123},
}


@dataclass
class Provider:
    """What the server answers next, and what it was asked; a status of 0 hangs up."""

    status: int = 200
    body: dict[str, Any] = field(default_factory=lambda: ANSWER)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider of models, which the environment names."""
    told = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if not told.status:
                return
            self.send_response(told.status)
            for name, value in {"Content-Type": "application/json", **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(json.dumps(told.body).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what was asked is kept."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "a key")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        server.shutdown()
        thread.join()


def answered(schema: dict[str, Any] | None = None) -> Completion:
    model = Models().get("openai-chat:gpt-4o-mini")
    return asyncio.run(complete(model, system="Classify.", user="money back", output_schema=schema, timeout=20.0))


def test_answer_comes_with_its_tokens_and_its_price(provider: Provider) -> None:
    """What the provider says it took is what is reckoned with, and its price is known."""
    got = answered()
    assert (got.text, got.input_tokens, got.output_tokens) == ("refund", 120, 3)
    assert got.cost is not None
    assert got.cost > 0
    [asked] = provider.asked
    assert [message["content"] for message in asked["messages"]] == ["Classify.", "money back"]


def test_wanted_json_is_asked_for_in_the_providers_own_way(provider: Provider) -> None:
    """A schema goes to a provider that keeps to schemas."""
    schema = {"type": "object", "properties": {"label": {"enum": ["refund", "delivery"]}}, "required": ["label"]}
    answered(schema)
    [asked] = provider.asked
    assert asked["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"] == ["refund", "delivery"]


@pytest.mark.parametrize("status", [429, 500, 503, 0], ids=["limited", "broken", "overloaded", "cut off"])
def test_failure_that_passes_is_told_after_one_request(provider: Provider, status: int) -> None:
    """The client does not try again by itself: whoever asked decides, within the budget, and by the wait that was named."""
    provider.status, provider.body, provider.headers = status, {"error": {"message": "later"}}, {"Retry-After": "7"}
    with pytest.raises(ProviderUnavailable) as caught:
        answered()
    assert len(provider.asked) == 1
    assert caught.value.retry_after == (7.0 if status else None)


def test_rejected_key_is_one_line_that_says_so(provider: Provider) -> None:
    """A wrong key is not worth another try."""
    provider.status, provider.body = 401, {"error": {"message": "Incorrect API key provided"}}
    with pytest.raises(ModelError, match=r"rejected the API key \(HTTP 401\); check it") as caught:
        answered()
    assert not isinstance(caught.value, ProviderUnavailable)
