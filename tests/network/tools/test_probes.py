"""The probes of the sandbox: none gets anything, and none takes the worker down."""

import asyncio
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.network.tools.probes import PROBES, Probe
from tests.network.tools.using import call_in

from stemma.network.tools.invoking import invoke
from stemma.network.tools.tool import Tool, ToolFailed, ToolSpec
from stemma.network.tools.toolbox import Toolbox

SECRET = "the-secret-of-the-worker"
LAB = ToolSpec("lab", "code", {"seconds": 0.2, "memory_mb": 32, "max_output_chars": 500})


@contextmanager
def laboratory(folder: Path) -> Iterator[tuple[asyncio.Runner, Tool]]:
    """The code tool, in a folder with a secret, and a loop to call it in."""
    (folder / "secret.txt").write_text(SECRET)
    with asyncio.Runner() as runner:
        toolbox = Toolbox([LAB], folder)
        runner.run(toolbox.__aenter__())
        try:
            yield runner, runner.run(toolbox.tools(["lab"]))["lab_run"]
        finally:
            runner.run(toolbox.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Tool]]:
    with laboratory(tmp_path_factory.mktemp("lab")) as made:
        yield made


def told(lab: tuple[asyncio.Runner, Tool], source: str) -> str:
    """What the program comes to: its result as JSON, or why it has none."""
    runner, tool = lab
    try:
        return json.dumps(runner.run(invoke(tool, {"code": source}, call_in(Path()), max_chars=2000)))
    except ToolFailed as failure:
        return str(failure)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_nothing_gets_out(lab: tuple[asyncio.Runner, Tool], probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every probe ends in the words expected, in one line without a secret; the sandbox and the worker go on."""
    monkeypatch.setenv("PROBED_SECRET", SECRET)
    outcome = told(lab, probe.source)
    assert_held(outcome, probe)
    assert json.loads(told(lab, "6 * 7"))["value"] == 42
    # In kilobytes: a worker that wrote out what a program returned would need gigabytes.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2_000_000


def assert_held(outcome: str, probe: Probe) -> None:
    import re

    assert re.search(probe.held, outcome), outcome[:300]
    assert SECRET not in outcome
    assert "\n" not in outcome
    assert len(outcome) < 3000


def test_names_are_not_used_twice() -> None:
    """A probe is found by its name."""
    assert len({probe.name for probe in PROBES}) == len(PROBES) >= 50
