"""`stemma attack`: the suites there are, and what is refused."""

from importlib.util import find_spec

import pytest
from tests.cli.terminal import Terminal


def test_suites_are_listed(terminal: Terminal) -> None:
    """Nothing is run to say which suites there are."""
    assert "agentdojo" in terminal("attack", "--list").out.split()
    assert "agentdojo" in terminal("attack", "--list", "--json").json


def test_suite_has_to_be_named(terminal: Terminal) -> None:
    """Without a suite, and with one that there is not, the command says what there is."""
    assert "--suite agentdojo" in terminal("attack").told(2)
    assert "agentdojo" in terminal("attack", "--suite", "everything").told(1)


def test_agentdojo_takes_no_other_network(terminal: Terminal) -> None:
    """A network that would be left out is refused."""
    assert "leave out --network" in terminal("attack", "--suite", "agentdojo", "--network", "mine").told(2)


@pytest.mark.skipif(find_spec("agentdojo") is not None, reason="the package is installed")
def test_missing_package_is_named(terminal: Terminal) -> None:
    """Without AgentDojo's package, the command says how to get it."""
    assert "stemma-ai[attack]" in terminal("attack", "--suite", "agentdojo").told(1)
