"""A batch of tickets through the desk: results, resumption, failures, bounds."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic_ai.exceptions import ModelHTTPError
from tests.network.desks import effects, networks_on, rule, tickets

from stemma.core.clock import SystemClock
from stemma.core.errors import Conflict, InvalidData, InvalidInput, InvalidName, NotFound
from stemma.core.frames import unframed
from stemma.core.trust import Integrity
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.network import Manifest, Networks, RunProgress, RunStatus, load_manifest
from stemma.store import Store
from stemma.testing.clock import VirtualClock
from stemma.testing.scripted import ScriptedModel

# What does not touch the database in a way of its own is tested on one.
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


def test_every_ticket_goes_through_every_agent(scope: Scope, networks: Networks, manifest: Manifest) -> None:
    """Each run completes with what every agent wrote, in the order of its items, and each effect has one event."""
    result = networks.run(manifest, tickets(5), concurrency=3)
    assert [run.request for run in result.runs] == tickets(5)
    assert result.count(RunStatus.COMPLETED) == 5
    assert result.calls == 20
    for run in result.runs:
        assert run.outcome is not None
        assert list(run.outcome.values) == ["category", "passage", "answered", "reply"]
    assert effects(scope) == {
        "run.started": 5,
        "message.sent": 25,
        "model.called": 20,
        "message.answered": 20,
        "run.finished": 5,
    }


def test_messages_show_what_was_said_to_whom(networks: Networks, manifest: Manifest) -> None:
    """A run's report holds its messages in order, from the caller through the agents and back, with their answers."""
    result = networks.run(manifest, tickets(1))
    report = networks.show(result.runs[0].id)
    names = ["caller", "triage", "search", "check", "reply", "caller"]
    assert [(sent.message.sender, sent.message.recipient) for sent in report.messages] == list(pairwise(names))
    assert [sent.answer is not None for sent in report.messages] == [True] * 4 + [False]
    assert [run.id for run in networks.ls()] == [result.runs[0].id]


@on_sqlite
def test_what_a_stranger_wrote_labels_all_that_follows(networks: Networks, manifest: Manifest) -> None:
    """Every message after a ticket is untrusted, and so are the passages that the ticket was used to find."""
    report = networks.show(networks.run(manifest, tickets(1)).runs[0].id)
    assert all(sent.message.label.integrity is Integrity.UNTRUSTED for sent in report.messages)
    labels = {part.name: part.label for sent in report.messages for part in sent.message.parts}
    assert labels["context"].integrity is Integrity.UNTRUSTED
    assert labels["persona"].integrity is Integrity.TRUSTED
    assert labels["reply"].integrity is Integrity.UNTRUSTED


@on_sqlite
def test_prompt_that_quotes_the_ticket_is_no_trusted_instruction(
    networks: Networks, desk: Path, manifest: Manifest
) -> None:
    """An instruction that a template fills from outside carries the outside's label."""
    (desk / "find.json").write_text('{"instructions": "find what answers {{ ticket }}"}')
    report = networks.show(networks.run(manifest, tickets(1)).runs[0].id)
    personas = {sent.message.recipient: sent.message.parts[0] for sent in report.messages}
    assert personas["search"].label.integrity is Integrity.UNTRUSTED
    assert personas["search"].value["fills"] == ["ticket"]
    assert personas["check"].label.integrity is Integrity.TRUSTED


@on_sqlite
def test_unmet_condition_hands_the_run_to_a_person(networks: Networks, manifest: Manifest) -> None:
    """Where `when` does not hold the agent is not asked, and a person gets the reason and everything known."""
    result = networks.run(manifest, [{"ticket": "unanswerable"}])
    run = result.runs[0]
    assert run.status is RunStatus.HANDED_OVER
    assert run.outcome is not None
    assert run.outcome.reason == "no passage answers the ticket"
    assert result.calls == 3
    last = networks.show(run.id).messages[-1].message
    assert last.recipient == "person"
    assert {"reason", "ticket", "passage"} <= {part.name for part in last.parts}


def test_refusal_fails_the_run_and_keeps_the_reason(scope: Scope, manifest: Manifest) -> None:
    """A model's permanent error ends its run alone, with what was written before, and is not asked again."""

    def answer(system: str, user: str) -> str | Exception:
        if system.startswith("find") and "ticket 1" in user:
            return ModelHTTPError(400, "scripted")
        return rule(system, user)

    networks = networks_on(scope, ScriptedModel(answer))
    result = networks.run(manifest, tickets(3))
    assert [run.status.value for run in result.runs] == ["completed", "failed", "completed"]
    outcome = result.runs[1].outcome
    assert outcome is not None
    assert outcome.reason is not None
    assert outcome.reason.startswith("agent 'search': model 'scripted' gave no usable answer")
    assert list(outcome.values) == ["category"]
    assert result.calls == 2 + 2 * 4


@on_sqlite
def test_provider_that_is_away_is_asked_again(scope: Scope, manifest: Manifest) -> None:
    """A failure worth another try is tried again, after a wait that may double each time, as often as the limits say."""
    clock, away = VirtualClock(), [ModelHTTPError(503, "scripted")] * 2
    networks = networks_on(
        replace(scope, clock=clock), ScriptedModel(lambda system, user: away.pop() if away else rule(system, user))
    )
    result = networks.run(manifest, tickets(1))
    assert result.count(RunStatus.COMPLETED) == 1
    assert result.calls == 6
    first, second = clock.slept
    assert 0 <= first <= 0.5
    assert 0 <= second <= 1.0


@on_sqlite
def test_provider_that_stays_away_fails_the_run(scope: Scope, manifest: Manifest) -> None:
    """When the attempts are used up the run fails, with how many there were."""
    model = ScriptedModel(lambda system, user: ModelHTTPError(503, "scripted"))
    run = networks_on(replace(scope, clock=VirtualClock()), model).run(manifest, tickets(1)).runs[0]
    assert run.status is RunStatus.FAILED
    assert run.outcome is not None
    assert "after 3 attempts" in str(run.outcome.reason)


@on_sqlite
def test_input_over_the_limit_is_cut(scope: Scope, desk: Path) -> None:
    """What is over the agent's limit is sent without its middle, and the model is told; instructions must fit."""
    text = (desk / "stemma.yaml").read_text()
    model = ScriptedModel(rule)
    for limit in (200, 20):
        limited = f"limits: {{max_input_chars: {limit}}}, reads: [ticket], writes"
        (desk / "stemma.yaml").write_text(text.replace("reads: [ticket], writes", limited))
        networks = networks_on(scope, model)
        result = networks.run(load_manifest(desk / "stemma.yaml"), [{"ticket": "x" * 500}])
        outcome = result.runs[0].outcome
        assert outcome is not None
        if limit == 200:
            assert len(model.calls[0].system) + len(model.calls[0].user) <= 200
            assert "Left out for want of room: the middle of 'ticket'" in model.calls[0].user
        else:
            assert result.calls == 0
            assert "over the limit of 20" in str(outcome.reason)


@on_sqlite
def test_answer_that_breaks_its_schema_fails_the_run(scope: Scope, desk: Path) -> None:
    """Where a schema is given, the answer is its JSON; what does not fit is sent back twice, then ends the run."""
    text = (desk / "stemma.yaml").read_text()
    schema = "schema: {type: object, required: [kind], properties: {kind: {enum: [card, fee]}}}"
    (desk / "stemma.yaml").write_text(text.replace("reads: [ticket], writes", f"{schema}, reads: [ticket], writes"))
    manifest = load_manifest(desk / "stemma.yaml")
    said = {"0": '{"kind": "card"}', "1": '{"kind": "loan"}', "2": "card"}

    def answer(system: str, user: str) -> str:
        return said[unframed(user).split()[1].rstrip(":")] if system.startswith("triage") else rule(system, user)

    runs = networks_on(scope, ScriptedModel(answer)).run(manifest, tickets(3)).runs
    assert [run.status.value for run in runs] == ["completed", "failed", "failed"]
    first, second, third = (run.outcome for run in runs)
    assert first is not None
    assert first.values["category"] == {"kind": "card"}
    assert second is not None
    assert "does not fit its schema at $.kind" in str(second.reason)
    assert third is not None
    assert "is not the JSON" in str(third.reason)


@on_sqlite
def test_no_more_calls_at_once_than_asked_for(scope: Scope, manifest: Manifest) -> None:
    """`concurrency` bounds the calls in flight over all runs, and is reached."""
    running, most, full = 0, 0, asyncio.Event()

    async def answer(system: str, user: str) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            full.set()
        await full.wait()  # the first three wait for each other, so that three are seen to run
        await asyncio.sleep(0)
        running -= 1
        return rule(system, user)

    networks_on(scope, ScriptedModel(answer)).run(manifest, tickets(9), concurrency=3)
    assert most == 3


def test_error_stops_the_batch_and_the_next_run_resumes_it(scope: Scope, manifest: Manifest) -> None:
    """What nobody foresaw comes out as it is; the same command then goes on and pays for no finished call again."""
    networks = networks_on(scope, ScriptedModel(["one answer"]))
    with pytest.raises(LookupError, match="ran out"):
        networks.run(manifest, tickets(2), concurrency=1)
    result = networks_on(scope, ScriptedModel(rule)).run(manifest, tickets(2))
    assert result.resumed == 1
    assert result.calls == 7
    assert result.count(RunStatus.COMPLETED) == 2
    assert effects(scope) == {
        "run.started": 2,
        "message.sent": 10,
        "model.called": 8,
        "message.answered": 8,
        "run.finished": 2,
    }


@on_sqlite
def test_resumed_run_keeps_the_prompts_it_began_with(scope: Scope, desk: Path, manifest: Manifest) -> None:
    """A prompt that changes between a crash and the next run begins another batch; the first is as it was."""
    with pytest.raises(LookupError):
        networks_on(scope, ScriptedModel([])).run(manifest, tickets(1), batch="monday")
    (desk / "find.json").write_text('{"instructions": "find: something else entirely"}')
    networks = networks_on(scope, ScriptedModel(rule))
    with pytest.raises(Conflict, match="another network or other items"):
        networks.run(manifest, tickets(1), batch="monday")
    result = networks.run(manifest, tickets(1))
    assert result.resumed == 0
    assert [run.status.value for run in networks.ls()].count("waiting") == 1


def test_ended_batch_runs_anew(networks: Networks, manifest: Manifest) -> None:
    """The same command over an ended batch makes the next one, and so does `new` over one that has not ended."""
    first = networks.run(manifest, tickets(1))
    second = networks.run(manifest, tickets(1))
    assert first.batch.removesuffix(".1") == second.batch.removesuffix(".2")
    assert (second.resumed, second.calls) == (0, 4)
    assert networks.run(manifest, tickets(1), batch="monday", new=True).batch == "monday.1"


@on_sqlite
def test_progress_is_told_as_runs_end(networks: Networks, manifest: Manifest) -> None:
    """Whenever runs have ended the listener hears how many so far, each number once; last of the whole batch."""
    heard: list[RunProgress] = []
    networks.run(manifest, [*tickets(2), {"ticket": "unanswerable"}], concurrency=1, progress=heard.append)
    done = [told.done for told in heard]
    assert done == sorted(set(done))  # two that end between two looks are told together
    assert (heard[-1].done, heard[-1].total, heard[-1].handed_over, heard[-1].calls) == (3, 3, 1, 11)
    # The next run may have begun by the time that the end of one is told.
    assert all(told.total == 3 and told.calls >= (0, 4, 8, 11)[told.done] for told in heard)


@on_sqlite
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda run: run([{"tiket": "x"}]), InvalidInput, "item 1 has no text 'ticket'"),
        (lambda run: run([]), InvalidInput, "no item"),
        (lambda run: run(tickets(1), concurrency=0), InvalidInput, "at least 1"),
        (lambda run: run(tickets(1), batch="Not/valid"), InvalidName, "batch 'Not/valid'"),
    ],
)
def test_wrong_use_begins_nothing(
    networks: Networks,
    manifest: Manifest,
    wrong: Callable[[Callable[..., object]], object],
    error: type[Exception],
    message: str,
) -> None:
    """Items without the input, no items, no concurrency or a bad name are refused before anything is written."""
    with pytest.raises(error, match=message):
        wrong(lambda items, **options: networks.run(manifest, items, **options))
    assert networks.ls() == []


@on_sqlite
def test_prompt_that_needs_more_than_its_agent_reads(networks: Networks, desk: Path, manifest: Manifest) -> None:
    """A prompt's variable that its agent does not read is refused with the manifest's line and what resembles it."""
    (desk / "check.json").write_text('{"instructions": "check {{ pasage }}"}')
    with pytest.raises(InvalidData, match=r"stemma\.yaml:11: .*needs 'pasage'.*did you mean 'passage'"):
        networks.run(manifest, tickets(1))


@on_sqlite
def test_reference_the_registry_lacks(networks: Networks, desk: Path) -> None:
    """A prompt that is not in the registry is refused with the manifest's line."""
    path = desk / "stemma.yaml"
    path.write_text(path.read_text().replace("support/triage@production", "support/triage@staging"))
    with pytest.raises(InvalidData, match=r"stemma\.yaml:5: 'prompt' of agent 'triage'"):
        networks.run(load_manifest(path), tickets(1))


@on_sqlite
def test_engine_of_another_store_does_no_harm(tmp_path: Path, store_url: str, manifest: Manifest) -> None:
    """When the store is gone and the engine's database is not, the work is done anew: the store is the record."""
    for _ in range(2):
        store, clock = Store.open(store_url), SystemClock()
        networks = networks_on(Scope(store, Ledger(store, clock), clock, "ada"), ScriptedModel(rule))
        result = networks.run(manifest, tickets(2))
        assert result.count(RunStatus.COMPLETED) == 2
        assert result.calls == 8
        store.close()
        (tmp_path / "stemma.db").unlink()


@on_sqlite
def test_unknown_run(networks: Networks) -> None:
    """A run that is not there says how to list those that are."""
    with pytest.raises(NotFound, match="stemma runs ls"):
        networks.show("nothing.1")
