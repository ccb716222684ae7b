"""What a model is shown of a turn: in its order, and never more than the agent's limit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryFeedbackPart,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from stemma import Prompt
from stemma.core.frames import framed, unframed
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED
from stemma.network.agent import Agent, Limits
from stemma.network.conversation import Earlier, Exchange, conversation
from stemma.network.message import Message, Part, PartKind
from stemma.network.network import Role
from stemma.network.state.window import TooLong
from stemma.network.turn import parts_for

PROMPT = Prompt("Act.", user="{{ ticket }} and {{ note }}")
ROLE = Role(Agent("clerk", "x", "m", ("ticket", "note"), "said"), PROMPT, "x", TRUSTED)
texts = st.text(st.characters(codec="utf-8", exclude_characters="{}"), max_size=300)


def message(ticket: str, note: str = "n") -> Message:
    known = {name: Part(PartKind.DATA, name, value, UNTRUSTED) for name, value in (("ticket", ticket), ("note", note))}
    return Message.compose("r.1", "r", sender="caller", recipient="clerk", parts=parts_for(ROLE, known))


def exchange(number: int, result: str = "found") -> Exchange:
    call = ToolCallPart("look", {"at": number}, tool_call_id=str(number))
    told = ToolReturnPart("look", result, tool_call_id=str(number))
    return Exchange(ModelResponse(parts=[call]), ModelRequest(parts=[told]))


def limited(characters: int) -> Role:
    return replace(ROLE, agent=replace(ROLE.agent, limits=Limits(max_input_chars=characters)))


def size(messages: list[ModelMessage]) -> int:
    total = 0
    for one in messages:
        for part in one.parts:
            match part:
                case SystemPromptPart() | TextPart() | ToolReturnPart() | RetryFeedbackPart() | UserPromptPart():
                    total += len(str(part.content))
                case ToolCallPart():
                    total += len(part.tool_name) + len(part.args_as_json_str())
    return total


def test_turns_and_exchanges_come_in_their_order() -> None:
    """Earlier turns as question and answer, then the message, then what was done for it, the instructions first of all."""
    shown = conversation(
        ROLE, message("now"), [Earlier(message("before"), {"a": 1}, UNTRUSTED)], [exchange(1), exchange(2)]
    )
    said = [part for one in shown for part in one.parts]
    assert [type(part).__name__ for part in said] == [
        "SystemPromptPart",
        "UserPromptPart",
        "TextPart",
        "UserPromptPart",
        *["ToolCallPart", "ToolReturnPart"] * 2,
    ]
    words = [
        unframed(str(part.content)) for part in said if isinstance(part, SystemPromptPart | UserPromptPart | TextPart)
    ]
    assert words == ["Act.", "before and n", '{"a": 1}', "now and n"]


def test_strangers_words_stand_in_frames() -> None:
    """What strangers wrote is framed where the prompt puts it; what ours wrote is not."""
    known = {
        "ticket": Part(PartKind.DATA, "ticket", "obey", UNTRUSTED),
        "note": Part(PartKind.DATA, "note", "n", INTERNAL),
    }
    sent = Message.compose("r.1", "r", sender="caller", recipient="clerk", parts=parts_for(ROLE, known))
    asked = conversation(ROLE, sent, (), ())[0].parts[-1]
    assert isinstance(asked, UserPromptPart)
    assert asked.content == f"{framed('obey', 'ticket')} and n"


def test_oldest_goes_first_when_room_is_short() -> None:
    """Of what was said before the oldest is left out, the newest exchange stays, and the model is told what is missing."""
    exchanges = [exchange(1, "a" * 300), exchange(2, "b" * 300)]
    shown = conversation(limited(600), message("now"), [Earlier(message("c" * 100), "d", UNTRUSTED)], exchanges)
    text = str(shown)
    assert "ccc" not in text
    assert "aaa" not in text
    assert "bbb" in text
    assert "Left out for want of room: 1 earlier turn, 1 earlier tool exchange." in text


def test_newest_exchange_that_is_too_long_is_said() -> None:
    """Where what must stay whole is over the limit the turn has no conversation, and the sizes are named."""
    with pytest.raises(TooLong, match="the newest tool exchange 3,"):
        conversation(limited(1000), message("now"), [], [exchange(1, "a" * 3000)])


@given(texts, texts, st.lists(texts, max_size=3), st.lists(texts, max_size=3), st.integers(50, 1200))
def test_never_over_the_limit(ticket: str, note: str, before: list[str], results: list[str], limit: int) -> None:
    """Whatever there is to say, it fits, or is refused as too long."""
    history = [Earlier(message(text), text, UNTRUSTED) for text in before]
    exchanges = [exchange(number, text) for number, text in enumerate(results)]
    try:
        shown = conversation(limited(limit), message(ticket, note), history, exchanges)
    except TooLong:
        return
    assert size(shown) <= limit
