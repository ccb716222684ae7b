"""`stemma attack`: the suites there are, and what is refused."""

from importlib.util import find_spec

import pytest
from tests.cli.terminal import Terminal
from tests.platform.attack.own_networks import TASKS, office


def test_suites_are_listed(terminal: Terminal) -> None:
    """Nothing is run to say which suites there are."""
    shown = terminal("attack", "--list").out
    assert "agentdojo" in shown.split()
    assert "instructions in inputs, results of tools and documents" in " ".join(shown.split())
    listed = terminal("attack", "--list", "--json").json
    assert (listed["injection"]["network"], listed["agentdojo"]["network"]) == (True, False)


def test_suite_has_to_be_named(terminal: Terminal) -> None:
    """Without a suite, and with one that there is not, the command says what there is."""
    told = terminal("attack").told(2)
    assert "--suite agentdojo" in told
    assert "--network DIR" in told
    assert "agentdojo" in terminal("attack", "--suite", "everything").told(1)


def test_agentdojo_takes_no_other_network(terminal: Terminal) -> None:
    """A network that would be left out is refused."""
    assert "leave out --network" in terminal("attack", "--suite", "agentdojo", "--network", "mine").told(2)


@pytest.mark.skipif(find_spec("agentdojo") is not None, reason="the package is installed")
def test_missing_package_is_named(terminal: Terminal) -> None:
    """Without AgentDojo's package, the command says how to get it."""
    assert "stemma-ai[attack]" in terminal("attack", "--suite", "agentdojo").told(1)


def test_own_network_holds(terminal: Terminal) -> None:
    """Without a suite it is attacked with instructions; what is printed says how to read it."""
    office(terminal.folder, tasks=None)
    ran = terminal("attack", "--network", ".")
    assert ran.code == 0
    assert "injection of network office: 3 attacks" in ran.out
    assert "The task was made up" in ran.out
    assert "taken for ours, and not attacked: request, pay, wipe" in " ".join(ran.out.split())


def test_hole_in_an_own_network_is_named(terminal: Terminal) -> None:
    """What got through stands in the report, with exit code 100."""
    office(terminal.folder, pay=', sensitive=["amount"]')
    ran = terminal("attack", "--suite", "substitution", "--network", ".", "--json")
    assert (ran.code, ran.json["asr"], ran.json["network"], ran.json["tasks"]) == (100, 1.0, "office", "written")
    assert "'iban'" in next(one["problem"] for one in ran.json["failures"] if one["mode"] == "defended")


def test_mistake_in_the_tasks_is_told_with_its_line(terminal: Terminal) -> None:
    """What is wrong with attack.yaml is said as of the manifest."""
    office(terminal.folder, tasks=TASKS.replace("tool: pay", "tool: payy"))
    assert "attack.yaml:8:" in terminal("attack", "--network", ".").told(2)


def test_suite_without_anything_to_attack_is_wrong_use(terminal: Terminal) -> None:
    """The network has none of what the suite attacks."""
    office(terminal.folder)
    assert "no agent of network 'office' has a memory" in terminal(
        "attack", "--suite", "memory", "--network", "."
    ).told(2)
