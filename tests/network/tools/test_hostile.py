"""A hostile MCP server: whatever it offers, sends or leaves out, it steers nobody and holds nothing up."""

import asyncio
import resource
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.network.tools.hostile_server import STRANGER
from tests.network.tools.using import answer, call_in, used

from stemma.network.tools.invoking import invoke
from stemma.network.tools.mcp import McpTools
from stemma.network.tools.offers import Offer, read_offers
from stemma.network.tools.tool import Effect, Tool, ToolFailed, ToolSpec
from stemma.network.tools.toolbox import Toolbox

pytest.importorskip("mcp", reason="needs the extra 'mcp'")

SERVER = str(Path(__file__).with_name("hostile_server.py"))
BACKTRACKS = "a" * 40 + "!"


def hostile(probe: str, *, timeout: float = 5.0, **options: Any) -> ToolSpec:
    command = [sys.executable, SERVER, probe]
    return ToolSpec("docs", "mcp", {"command": command, "starting": 10.0} | options, timeout=timeout)


def offered(probe: str, folder: Path, **options: Any) -> Mapping[str, Tool]:
    """The tools of the server as agents come to hold them."""

    async def all_of(tools: Mapping[str, Tool]) -> Mapping[str, Tool]:
        return tools

    return used(hostile(probe, **options), folder, all_of)


def offers(spec: ToolSpec, folder: Path) -> Mapping[str, Offer]:
    async def main() -> Mapping[str, Offer]:
        server = McpTools(spec, folder)
        try:
            return await server.offers()
        finally:
            await server.close()

    return asyncio.run(main())


NOT_TAKEN = [
    ("thousands", r"offers more than 256 tools; name under 'tools' of 'docs' those that you want"),
    ("endless listing", r"offers more than 256 tools"),
    ("described", r"its tool 'stock' is described in 100,000 characters, over 10,000"),
    ("described at length", r"did not start: it sent a message of more than 4,000,000 bytes"),
    ("large schema", r"the schema of its tool 'stock' has [0-9,]+ characters, over 50,000"),
    ("deep schema", r"the schema of its tool 'stock' is nested deeper than 40"),
    ("very deep schema", r"did not start: it sent what is no message of the protocol"),
    ("not a schema", r"did not start: it sent what is no message of the protocol"),
    ("homoglyph", r"the name of its tool 'st.ck' is not of 1 to 64 ASCII letters"),
    ("alike", r"its tools 'send_mail' and 'send-Mail' look the same"),
    ("twice", r"its tools 'stock' and 'stock' look the same"),
    ("long name", r"the name of its tool '.{1,110}' is not of 1 to 64 ASCII letters"),
    ("instructing name", r"the name of its tool .* is not of 1 to 64 ASCII letters"),
    ("instructing argument", r"tool 'stock' has an argument called .*, which may be a text of a stranger"),
]


@pytest.mark.parametrize(("probe", "told"), NOT_TAKEN, ids=[probe for probe, _ in NOT_TAKEN])
def test_what_is_beyond_bounds_is_not_taken(tmp_path: Path, probe: str, told: str) -> None:
    """A listing that is too long, too deep, or made to look like another is refused as a whole, in one line of our own."""
    with pytest.raises(ToolFailed, match=told) as refused:
        offered(probe, tmp_path)
    assert len(str(refused.value)) < 1_000
    assert "\n" not in str(refused.value)


def test_no_name_of_a_server_takes_the_place_of_another_tool(tmp_path: Path) -> None:
    """Each is called after its entry, and a set's tool by the longest entry that its name begins with."""
    assert offered("ours", tmp_path).keys() == {"docs_open", "docs_extract"}

    async def named() -> Tool:
        entries = [hostile("impostor"), ToolSpec("docs_stock", "files", {"folder": "files"})]
        async with Toolbox(entries, tmp_path) as toolbox:
            return (await toolbox.tools(["docs_stock_read"]))["docs_stock_read"]

    assert asyncio.run(named()).description.startswith("The text of a file.")


SCHEMAS = [
    ("backtracking", r"argument 'article' of tool 'docs_stock' cannot be used: .* does not match"),
    ("backtracking elsewhere", r"argument 'article' of tool 'docs_stock' cannot be used: .* does not match"),
    ("backtracking names", r"was unexpected"),
    ("looking around", None),  # left to the server
    ("repeating", None),
    ("doubling", r"its schema cannot be used: Exhausted: it takes too many steps"),
    ("doubling choice", r"its schema cannot be used: Exhausted: it takes too many steps"),
    ("itself", r"its schema cannot be used: RecursionError"),
    ("fetching", r"its schema cannot be used: .*Unresolvable"),
]


@pytest.mark.parametrize(("probe", "told"), SCHEMAS, ids=[probe for probe, _ in SCHEMAS])
def test_a_schema_that_would_take_for_ever_does_not(tmp_path: Path, probe: str, told: str | None) -> None:
    """Pinned, so that the schema is the server's own to the letter, and held against a stranger's text."""
    pins = {name: offer.digest for name, offer in offers(hostile(probe), tmp_path).items()}
    given = {BACKTRACKS: 1} if probe == "backtracking names" else {"article": BACKTRACKS}
    with nullcontext() if told is None else pytest.raises(ToolFailed, match=told):
        assert answer(hostile(probe, tools=pins), tmp_path, "docs_stock", **given) == "3"


CALLS = [
    ("large result", r"broke off: it sent a message of more than 4,000,000 bytes; the next call starts it again"),
    ("longer than taken", r"returned 3,000,00\d characters, and at most 20,000 are passed on"),
    ("endless result", r"broke off: it sent a message of more than 4,000,000 bytes"),
    ("endless notices", r"broke off: it sent more than 16,000,000 bytes since it was last asked something"),
    ("not utf-8", r"broke off: it sent what is no message of the protocol"),
    ("not json", r"broke off: it sent what is no message of the protocol"),
    ("deep result", r"broke off: it sent what is no message of the protocol"),
    ("dies", r"broke off: "),
    ("dies half-way", r"broke off: "),
    ("never answers", r"did not answer within 2 seconds"),
    ("another's answer", r"did not answer within 2 seconds"),
    ("escapes", r"owned"),
    ("image", r"answered with image; only text and JSON are passed on"),
]


@pytest.mark.parametrize(("probe", "told"), CALLS, ids=[probe for probe, _ in CALLS])
def test_whatever_comes_of_a_call_is_told(
    tmp_path: Path, probe: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It ends in time, in one line, and a toolbox with the server in it still closes; nothing of it is logged as if it were
    ours."""
    with pytest.raises(ToolFailed, match=told) as failed:
        answer(hostile(probe, timeout=2 if "within 2" in told else 20), tmp_path, "docs_stock", article="tea")
    assert "\n" not in str(failed.value)
    assert failed.value.label is None  # the words are worth what the tool's are
    assert capfd.readouterr().err == ""
    # In kilobytes: who reads to the end of what a server sends needs gigabytes.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2_000_000


def test_a_server_that_broke_off_is_started_again(tmp_path: Path) -> None:
    """What one call met is not held against the next."""

    async def twice(tools: Mapping[str, Tool]) -> None:
        for _ in range(2):
            with pytest.raises(ToolFailed, match="broke off"):
                await invoke(tools["docs_stock"], {"article": "tea"}, call_in(tmp_path), max_chars=1000)

    used(hostile("dies"), tmp_path, twice)


def test_results_are_not_checked_by_the_servers_own_schema(tmp_path: Path) -> None:
    """Its pattern, matched in its result, would take for ever: both are what it likes."""
    assert answer(hostile("checked by itself"), tmp_path, "docs_stock", article="tea") == {"a": BACKTRACKS}


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    """In the seconds that it has to start."""
    with pytest.raises(ToolFailed, match=r"MCP server 'docs' did not start: TimeoutError ?; check "):
        offered("silent", tmp_path, starting=0.5)


def test_what_a_server_swears_does_not_reach_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its standard error is kept from it, but for the end, which says why it did not start."""
    with pytest.raises(ToolFailed, match=r"did not start: .*xxx…; check") as refused:
        offered("swears", tmp_path)
    assert len(str(refused.value)) < 3_000
    assert capfd.readouterr().err == ""


def test_what_a_server_started_ends_with_it(tmp_path: Path) -> None:
    """Also what it would leave behind."""
    assert offered("leaves a child", tmp_path)
    child = int((tmp_path / "child").read_text())
    state = Path(f"/proc/{child}/stat")  # whoever adopted it may not have looked after it yet
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


# --- words ------------------------------------------------------------------------------------------------------------


def test_no_word_of_a_server_reaches_an_agent_before_somebody_vouched_for_it(tmp_path: Path) -> None:
    """Neither its descriptions nor its hints: the tool writes, and is described by us."""
    tool = offered("believe me", tmp_path)["docs_stock"]
    assert STRANGER not in f"{tool.name} {tool.description} {tool.parameters}"
    assert (tool.effect, tool.idempotent, tool.acts, tool.decisive) == (Effect.WRITE, False, True, ("article", "any"))
    assert tool.parameters == {"type": "object", "properties": {"article": {"type": "string"}, "any": {}}}


def test_what_is_pinned_is_believed(tmp_path: Path) -> None:
    """Whoever pins a tool has read what it says of itself; tools that are not named are not there."""
    [offer] = offers(hostile("believe me"), tmp_path).values()
    tool = offered("believe me", tmp_path, tools={"stock": offer.digest})["docs_stock"]
    assert tool.description == STRANGER
    assert (tool.effect, tool.idempotent) == (Effect.READ, True)
    assert offered("ours", tmp_path, tools=["open"]).keys() == {"docs_open"}
    assert offered("thousands", tmp_path, tools=["t7"]).keys() == {"docs_t7"}


def test_what_was_changed_since_it_was_pinned_is_not_used(tmp_path: Path) -> None:
    """The message says which tool, and how to look at it."""
    with pytest.raises(
        ToolFailed, match=r"says something else of its tool 'stock' than when that was pinned.*stemma network tools"
    ):
        offered("believe me", tmp_path, tools={"stock": "0" * 64})
    with pytest.raises(ToolFailed, match=r"it has no tool 'stocks', which the manifest names"):
        offered("believe me", tmp_path, tools=["stocks"])


def test_a_server_that_changes_its_words_when_started_again_is_not_used(tmp_path: Path) -> None:
    """A rug pull: what agents hold was described by another."""

    async def pulled(tools: Mapping[str, Tool]) -> None:
        for told in ("broke off", "was started again and says something else of its tools than before"):
            with pytest.raises(ToolFailed, match=told):
                await invoke(tools["docs_stock"], {"article": "tea"}, call_in(tmp_path), max_chars=1000)

    used(hostile("rug pull"), tmp_path, pulled)


@pytest.mark.parametrize("schema", [{"type": "string"}, {"properties": {"a": 1}}, {"properties": [True]}])
def test_what_takes_no_named_arguments_is_not_taken(schema: Mapping[str, Any]) -> None:
    """Also where the protocol's own library lets it through: the guard goes by the arguments' names."""
    listed = SimpleNamespace(name="stock", description=None, input_schema=schema, annotations=None)
    with pytest.raises(ToolFailed, match=r"the schema of its tool 'stock' is none for named arguments"):
        read_offers([listed], server="docs", wanted=None)


def test_a_pin_is_of_all_that_is_said() -> None:
    """Every part of an offer that agents or the guard go by changes its digest."""
    offer = Offer("a", "b", {"type": "object"})
    others = [
        Offer("x", "b", {"type": "object"}),
        Offer("a", "x", {"type": "object"}),
        Offer("a", "b", {"type": "object", "properties": {}}),
        Offer("a", "b", {"type": "object"}, reads=True),
        Offer("a", "b", {"type": "object"}, repeats=True),
    ]
    assert len({one.digest for one in (offer, *others)}) == 6
