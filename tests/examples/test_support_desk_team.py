"""The support desk as a hierarchy, on its own tickets: no refund without a person, none twice, and a reply to everybody."""

import csv
import re
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import stemma
from stemma.core.errors import InvalidInput
from stemma.network import Call, Manifest, Verdict, load_manifest, mermaid
from stemma.network.questions import Asked
from stemma.network.run import Run, RunStatus
from stemma.network.tools.modules import Modules
from stemma.testing.clock import VirtualClock
from stemma.testing.scripted import ScriptedModel

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "support-desk"
TWICE, LOST, AGAIN, DEAR, UNKNOWN, UNOWED, INJECTED = "d01", "d02", "d06", "d07", "d08", "d09", "d10"
WAITING = {"d01", "d02", "d03", "d04", "d05", "d06"}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A copy of the example."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "desk", ignore=shutil.ignore_patterns("ledger")))


def rows() -> dict[str, dict[str, str]]:
    with (EXAMPLE / "desk-tickets.csv").open(encoding="utf-8") as lines:
        return {row["id"]: row for row in csv.DictReader(lines)}


def opened(desk: Path, **options: Any) -> stemma.Stemma:
    return stemma.open(store=f"sqlite:///{desk}/stemma.db", actor="user:ada", **options)


def run(here: stemma.Stemma, desk: Path, tickets: Sequence[str] = ()) -> dict[str, Run]:
    """The runs of these tickets, or of all, by ticket; called again, it goes on."""
    names = list(tickets) or list(rows())
    items = [{"ticket": rows()[name]["ticket"]} for name in names]
    result = here.networks.run(load_manifest(desk / "desk.yaml"), items, wait=False)
    return dict(zip(names, result.runs, strict=True))


def questions(here: stemma.Stemma, runs: Mapping[str, Run]) -> dict[str, Asked]:
    """What waits, by ticket."""
    tickets = {run.id: name for name, run in runs.items()}
    return {tickets[asked.question.run]: asked for asked in here.networks.questions.ls()}


def decide(here: stemma.Stemma, asked: Asked, verdict: Verdict, **options: Any) -> None:
    here.networks.questions.decide(asked.question.id, verdict, **options)


def values(run: Run) -> Mapping[str, Any]:
    assert run.outcome is not None, run
    return run.outcome.values


def refunds(desk: Path) -> list[tuple[str, str]]:
    """Order and amount of everything that was paid."""
    path = desk / "ledger" / "refunds.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return [(row["order"], row["amount"]) for row in csv.DictReader(lines)]


def test_tickets_end_or_wait_for_a_person_and_nothing_is_paid(desk: Path) -> None:
    """Every refund that is owed waits with the facts of the books; whatever else was asked for is answered or handed over."""
    with opened(desk) as here:
        runs = run(here, desk)
        waiting = questions(here, runs)
    assert waiting.keys() == WAITING == {name for name, one in runs.items() if one.outcome is None}
    assert refunds(desk) == []

    asked = waiting["d04"].question
    assert (asked.text, asked.timeout) == ("Pay this refund?", timedelta(days=3).total_seconds())
    assert asked.facts["effect"] == "spend"
    assert asked.facts["arguments"]["claim"] == {
        "order": "121052",
        "customer": "Mireille Aubert",
        "amount": "82.50",
        "reason": "Beck kettle: returned, changed mind",
    }

    ended = {name: one.outcome for name, one in runs.items() if one.outcome is not None}
    handed_over = {name: one.reason for name, one in ended.items() if one.status is RunStatus.HANDED_OVER}
    assert handed_over == {DEAR: "the refund is over this desk's limit", "d25": "the help centre does not say"}
    assert "could not find your order" in values(runs[UNKNOWN])["reply"]
    assert "nothing is to be paid back" in values(runs[UNOWED])["reply"]
    assert "nothing is to be paid back" in values(runs[INJECTED])["reply"]
    assert [path.stem in values(runs["d26"])["reply"] for path in (desk / "ledger" / "cases").iterdir()] == [True]


def test_claim_needs_one_order_and_its_own_customer(desk: Path) -> None:
    """Neither somebody else's order nor an address with several leads to one; an address with one order does."""
    with opened(desk) as here:
        runs = run(here, desk, ["d11", "d12", "d03"])
        assert [values(runs[name])["record"] for name in ("d11", "d12")] == [{}, {}]
        assert questions(here, runs)["d03"].question.facts["arguments"]["claim"]["order"] == "121071"


def test_approved_refund_is_paid_once_and_the_others_wait_on(desk: Path) -> None:
    """The same run goes on after each answer; who asks twice is told of the first refund, though both were approved."""
    with opened(desk) as here:
        waiting = questions(here, run(here, desk, [TWICE, LOST, AGAIN]))
        decide(here, waiting[TWICE], Verdict.APPROVED)
    with opened(desk) as here:  # another process, perhaps days later
        runs = run(here, desk, [TWICE, LOST, AGAIN])
        assert refunds(desk) == [("121044", "34.00")]
        assert "We have refunded €34.00 to the payment method of your order" in values(runs[TWICE])["reply"]
        assert questions(here, runs).keys() == {LOST, AGAIN}

        decide(here, waiting[AGAIN], Verdict.APPROVED)
        runs = run(here, desk, [TWICE, LOST, AGAIN])
        assert refunds(desk) == [("121044", "34.00")]
        assert "order 121044 was refunded already. The reference is RF-121044" in values(runs[AGAIN])["reply"]

        [later] = run(here, desk, [TWICE]).values()  # a batch of its own, begun when the ledger knew of it
        assert "was refunded already" in values(later)["reply"]
        assert questions(here, runs).keys() == {LOST}
        assert here.ledger.verify().verified


def test_rejected_refund_gets_another_reply(desk: Path) -> None:
    """Nothing is paid, the customer is told kindly, and the reason stays inside."""
    with opened(desk) as here:
        [asked] = questions(here, run(here, desk, [LOST])).values()
        decide(here, asked, Verdict.REJECTED, reason="replacement sent")
        [ended] = run(here, desk, [LOST]).values()
    assert refunds(desk) == []
    assert ended.status is RunStatus.COMPLETED
    assert "cannot pay a refund for order 121063" in values(ended)["reply"]
    assert "replacement" not in values(ended)["reply"]
    assert values(ended)["desk_missing"] == ["till: agent 'payments': user:ada rejected it: replacement sent"]


def test_edited_refund_is_paid_as_the_person_wrote_it(desk: Path) -> None:
    """A person may pay less than what is owed."""
    with opened(desk) as here:
        [asked] = questions(here, run(here, desk, [LOST])).values()
        claim = {**asked.question.facts["arguments"]["claim"], "amount": "20.00"}
        decide(here, asked, Verdict.EDITED, value={"claim": claim})
        [ended] = run(here, desk, [LOST]).values()
    assert refunds(desk) == [("121063", "20.00")]
    assert "€20.00" in values(ended)["reply"]


@pytest.mark.parametrize(
    "change", [{"amount": "abc"}, {"amount": 20}, {"amount": "0.00"}, {"order": "1,2"}, {"to": "me"}]
)
def test_claim_that_is_none_is_not_paid(desk: Path, change: dict[str, Any]) -> None:
    """Whoever wrote it is told at once, and may write another."""
    with opened(desk) as here:
        [asked] = questions(here, run(here, desk, [LOST])).values()
        claim = {**asked.question.facts["arguments"]["claim"], **change}
        with pytest.raises(InvalidInput, match="stays open, since the value does not fit: at 'claim"):
            decide(here, asked, Verdict.EDITED, value={"claim": claim})
        assert len(here.networks.questions.ls()) == 1
    assert refunds(desk) == []


def test_no_answer_is_a_no(desk: Path) -> None:
    """After three days the clock rejects, and nothing is paid."""
    clock = VirtualClock()
    with opened(desk, clock=clock) as here:
        run(here, desk, [LOST])
        clock.advance(timedelta(days=3, seconds=1).total_seconds())
        [ended] = run(here, desk, [LOST]).values()
    assert "cannot pay a refund" in values(ended)["reply"]
    assert refunds(desk) == []


def test_refund_called_again_is_one_refund(desk: Path) -> None:
    """With the same key the receipt is the same; with any other, at the same time or later, it is that of the first."""
    refund = Modules().function("books.py:refund", desk)
    claim = {"order": "121044", "customer": "Jonas Weidmann", "amount": "34.00", "reason": "charged 2 times"}
    calls = [Call(f"key {number % 8}", "run", "payments", desk) for number in range(32)]
    with ThreadPoolExecutor(8) as threads:
        receipts = list(threads.map(lambda call: refund(claim, call), calls))
    assert refunds(desk) == [("121044", "34.00")]
    assert {receipt["reference"] for receipt in receipts} == {"RF-121044"}
    paid = {call.key for call, receipt in zip(calls, receipts, strict=True) if receipt["paid"] == "now"}
    assert len(paid) == 1
    assert [receipt["paid"] for receipt in receipts].count("now") == 4


def test_language_model_in_the_leads_and_the_writers_place(desk: Path) -> None:
    """With the lines that the README says to change, a lead briefs workers itself, and still pays nothing without a person."""
    block = re.search(r"```yaml\n(.*?)```", (desk / "README.md").read_text(), re.DOTALL)
    assert block is not None
    manifest = yaml.safe_load((desk / "desk.yaml").read_text())
    manifest["agents"] |= yaml.safe_load(block[1])
    manifest["agents"]["lead"]["model"] = manifest["agents"]["writer"]["model"] = "scripted"
    del manifest["teams"]["desk"]["hierarchy"]["plans"], manifest["tools"]["write_reply"]
    (desk / "desk.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))

    brief = '[{"agent": "till", "brief": "Pay back 900 euros at once."}]'
    model = ScriptedModel([brief, "Your 57.80 euros are on their way: RF-121063."])
    with opened(desk, models={"scripted": model}) as here:
        [asked] = questions(here, run(here, desk, [LOST])).values()
        assert asked.question.facts["arguments"]["claim"]["amount"] == "57.80"
        assert refunds(desk) == []
        decide(here, asked, Verdict.APPROVED)
        [ended] = run(here, desk, [LOST]).values()
    assert values(ended)["reply"] == "Your 57.80 euros are on their way: RF-121063."
    assert refunds(desk) == [("121063", "57.80")]
    assert "pay back what our books say is owed" in model.calls[0].user
    assert "RF-121063" in model.calls[1].user


def test_readme_tells_the_truth(desk: Path) -> None:
    """The lead chooses the expected plan as often as the README says, and its pictures are those of the manifests."""
    told = re.search(
        r"the expected plan for (\d+) of the (\d+) tickets", " ".join((desk / "README.md").read_text().split())
    )
    assert told is not None
    with opened(desk) as here:
        runs = run(here, desk)
        plans = {name: _plan(here, one) for name, one in runs.items()}
    right = [name for name, row in rows().items() if plans[name] == row["plan"]]
    assert (len(right), len(plans)) == (int(told[1]), int(told[2]))
    for name in ("stemma.yaml", "desk.yaml"):
        assert f"```mermaid\n{mermaid(_manifest(desk, name))}```" in (desk / "README.md").read_text()


def _plan(here: stemma.Stemma, run: Run) -> Any:
    return next(
        sent.answer["value"]
        for sent in here.networks.show(run.id).messages
        if sent.message.recipient == "lead" and sent.answer is not None
    )


def _manifest(desk: Path, name: str) -> Manifest:
    return load_manifest(desk / name)
