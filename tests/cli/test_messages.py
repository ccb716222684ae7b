"""`stemma messages` from the terminal."""

from tests.cli.terminal import Terminal

import stemma

RUN = ("run", "--set", "order=lost", "--set", "amount=20")


def dead(till: Terminal) -> str:
    """The id of the one dead letter: a refund that a person approved, of an order that there is not."""
    till(*RUN)
    till("people", "approve", "t1-1")
    assert till(*RUN).code == 1
    [letter] = till("messages", "ls", "--dead", "--json").json
    message: str = letter["message"]["id"]
    return message


def test_messages_are_listed_and_shown_with_their_trust(till: Terminal) -> None:
    """Each has one line with its way and where it stands; its id opens it, every part with its label."""
    till("run", "--set", "order=7", "--set", "amount=20")
    header, line = till("messages", "ls").out.splitlines()
    assert header.split() == ["message", "status", "way", "reason"]
    id, status, *way = line.split()
    assert (status, way) == ("running", ["caller", "→", "pay"])
    shown = till("messages", "show", id).out
    assert "data amount (untrusted): 20" in shown
    assert "running · sent " in shown
    assert till("messages", "ls", "--agent", "shelf", "--json").json == []
    assert "there is no agent 'pya' (did you mean 'pay'?)" in till("messages", "ls", "--agent", "pya").told(1)
    assert "there is no run 'nope'" in till("messages", "ls", "--run", "nope").told(1)
    assert till("messages", "show", id[-8:]).out == shown
    assert [one["message"]["id"] for one in till("messages", "ls", "--run", id.rpartition(".")[0], "--json").json] == [
        id
    ]


def test_dead_letter_keeps_its_reason_and_is_counted(till: Terminal) -> None:
    """The list of dead letters says why; the inbox shows that there is one."""
    id = dead(till)
    assert "there is no order" in till("messages", "show", id).out
    assert till("messages", "ls", "--dead").out.splitlines()[1].startswith(id)
    assert till("messages", "inboxes").out.splitlines()[1].split() == ["till/pay", "0", "0", "1"]
    assert till("messages", "inboxes", "--json").json == {
        "inboxes": {"till/pay": {"waiting": 0, "running": 0, "dead": 1}},
        "waiting": 0,
        "oldest_seconds": 0.0,
    }


def test_dead_letter_is_replayed_with_the_command_that_began_it(till: Terminal) -> None:
    """Once the cause is gone, a replayed letter is answered and its run goes on."""
    run = ("run", "--set", "order=7", "--set", "amount=20", "--json")
    full = till.write("full", "")
    till(*run)
    till("people", "approve", "t1-1")
    till(*run)
    till("people", "answer", till("people", "ls", "--json").json[0]["id"], "drawer")
    assert till(*run).code == 1
    [letter] = till("messages", "ls", "--dead", "--json").json
    id = letter["message"]["id"]
    full.unlink()
    replayed = till("messages", "replay", id)
    assert (replayed.code, replayed.out) == (0, f"{id} waits again for drawer\n")
    assert till("messages", "inboxes", "--json").json["waiting"] == 2, "the message, and its run"
    assert till(*run).json["completed"] == 1
    assert till("messages", "show", id, "--json").json["status"] == "answered"


def test_letter_whose_tool_had_an_effect_is_not_replayed(till: Terminal) -> None:
    """What may have been done once is not done again behind anybody's back."""
    assert "called a tool with an effect" in till("messages", "replay", dead(till)).told(1)


def test_message_that_is_not_dead_is_not_replayed(till: Terminal) -> None:
    """Each refusal is one line."""
    till("run", "--set", "order=7", "--set", "amount=20")
    [letter] = till("messages", "ls", "--json").json
    assert "only dead letters are replayed" in till("messages", "replay", letter["message"]["id"]).told(1)
    assert (
        till("messages", "show", "none").told(1) == "there is no message 'none'; list messages with: stemma messages ls"
    )


def test_empty_boxes_are_said(till: Terminal) -> None:
    """Where nothing was sent, that is a remark."""
    stemma.open().close()
    assert till("messages", "ls").err == "there are no messages yet\n"
    assert till("messages", "ls", "--dead").err == "there are no dead letters\n"
    assert till("messages", "inboxes").err == "every inbox is empty\n"
