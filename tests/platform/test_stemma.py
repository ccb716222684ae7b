"""`stemma.open`: the rooms wired, used and closed."""

from pathlib import Path

import pytest

import stemma
from stemma.core.errors import InvalidInput, NotConfigured, NotFound
from stemma.evaluate.data import Case, Dataset
from stemma.platform import Settings
from stemma.testing.scripted import ScriptedModel

CASES = Dataset(tuple(Case({"x": word}, word.upper()) for word in ("a", "b", "c")))
SHOUT = stemma.Prompt("Shout.", user="{{x}}")


def test_leaving_the_block_signs_the_log(tmp_path: Path) -> None:
    """What a session changed is under a signed checkpoint once it is closed, and verifies for whoever opens it next."""
    url = f"sqlite:///{tmp_path}/stemma.db"
    with stemma.open(store=url) as here:
        here.prompts.save("greeting", stemma.Prompt("Say hello in {{language}}."))
        assert here.ledger.verify().signed_size == 0
        key = here.public_key
    with stemma.open(store=url) as again:
        found = again.ledger.verify()
        assert (found.verified, found.entries, found.signed_size) == (True, 1, 1)
        assert again.public_key == key
        assert again.prompts.latest("greeting").prompt.variables == ("language",)


def test_what_went_wrong_inside_the_block_comes_out(tmp_path: Path) -> None:
    """An error is not hidden by closing; what was committed before it stays."""
    url = f"sqlite:///{tmp_path}/stemma.db"
    with pytest.raises(NotFound), stemma.open(store=url) as here:
        here.prompts.save("greeting", stemma.Prompt("Hello")), here.prompts.get("farewell")
    with stemma.open(store=url) as again:
        assert again.prompts.latest("greeting").version == 1


def test_memory_needs_no_key_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store in memory, as for a test, writes nothing anywhere."""
    monkeypatch.chdir(tmp_path)
    with stemma.open(store="sqlite://") as here:
        here.prompts.save("greeting", stemma.Prompt("Hello"))
        assert here.public_key is None
    assert list(tmp_path.iterdir()) == []


def test_models_of_the_caller_s_own_are_used_by_name() -> None:
    """A pydantic-ai model that is passed in answers under its name, and its answers are scored."""
    upper = ScriptedModel(lambda system, user: user.upper())
    with stemma.open(store="sqlite://", models={"upper": upper}) as here:
        evaluation, spent = here.evaluate(SHOUT, CASES, stemma.TrialSettings("upper", "exact"))
        assert (evaluation.estimate.mean, spent.task) == (1.0, 3)
        [entry] = here.ledger.tail(1)
        assert entry.kind == "prompt.evaluated"


def test_unknown_model_and_strategy_are_told_before_anything_is_spent() -> None:
    """Names that mean nothing raise with what there is instead."""
    with stemma.open(store="sqlite://") as here:
        with pytest.raises(NotConfigured, match="there is no model called 'gpt'"):
            here.evaluate(stemma.Prompt("x {{x}}"), CASES, stemma.TrialSettings("gpt"))
        with pytest.raises(InvalidInput, match="strategy 'luck' is not known; there are: genetic"):
            here.optimize(stemma.Assignment(stemma.Prompt("x {{x}}"), CASES, CASES), strategy="luck")
        assert here.ledger.size() == 0


@pytest.mark.parametrize("text", ["7", "f" * 64, "abc", "s_none"])
def test_candidate_that_is_not_there_is_named(text: str) -> None:
    """Numbers, digests and sessions that the store does not know raise NotFound with what was asked for."""
    with stemma.open(store="sqlite://") as here, pytest.raises(NotFound, match=text):
        here.candidate_named(text)


def test_unknown_setting_opens_nothing(tmp_path: Path) -> None:
    """A misspelt option of `open` fails before a file is made."""
    with pytest.raises(InvalidInput, match="there is no setting 'stor'"):
        stemma.open(stor=f"sqlite:///{tmp_path}/x.db")
    assert list(tmp_path.iterdir()) == []


def test_store_is_released_when_the_key_cannot_be_written(tmp_path: Path) -> None:
    """Opening that fails half-way leaves no connection behind, and says which place could not be written."""
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(NotConfigured, match="signing key"):
        stemma.open(store=f"sqlite:///{tmp_path}/x.db", keys=blocked)


def test_settings_of_the_environment_reach_the_rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The actor that the environment names stands in the log."""
    monkeypatch.setenv("STEMMA_STORE", f"sqlite:///{tmp_path}/stemma.db")
    monkeypatch.setenv("STEMMA_ACTOR", "service:nightly")
    with stemma.open() as here:
        assert here.settings == Settings.read()
        here.prompts.save("greeting", stemma.Prompt("Hello"))
        assert here.ledger.tail(1)[0].actor == "service:nightly"


@pytest.mark.parametrize("actor", ["a b", "ada", "ci:nightly", "user:", "user:a\nb", "agent:alone"])
def test_nobody_acts_under_a_name_that_no_principal_has(tmp_path: Path, actor: str) -> None:
    """What stands in the log can be granted something, and nothing is made before the name is looked at."""
    with pytest.raises(InvalidInput, match=r"actor \(STEMMA_ACTOR\) .* is not valid: it is user:NAME"):
        stemma.open(store=f"sqlite:///{tmp_path}/s/stemma.db", actor=actor)
    assert not (tmp_path / "s").exists()


def test_machine_without_the_log_s_key_leaves_it_unsigned(tmp_path: Path) -> None:
    """A store that another key signed is worked on without a key: a second one would make its log unverifiable."""
    url = f"sqlite:///{tmp_path}/stemma.db"
    with stemma.open(store=url, keys=tmp_path / "keys") as here:
        here.prompts.save("greeting", stemma.Prompt("Hello"))
    with stemma.open(store=url, keys=tmp_path / "elsewhere") as keyless:
        keyless.prompts.save("greeting", stemma.Prompt("Good evening"))
        assert keyless.public_key is None
    assert not (tmp_path / "elsewhere").exists()
    with stemma.open(store=url, keys=tmp_path / "keys") as again:
        found = again.ledger.verify()
        assert (found.verified, found.entries, found.signed_size) == (True, 2, 1)
