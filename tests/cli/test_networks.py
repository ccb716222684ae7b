"""`stemma network` from the terminal."""

import sys
from pathlib import Path

import pytest
from tests.cli.terminal import Terminal

from stemma import Prompt


@pytest.fixture
def project(terminal: Terminal) -> Terminal:
    """A terminal in a project that `stemma init` began."""
    assert terminal("init", ".").code == 0
    return terminal


def test_network_is_shown_in_three_ways(project: Terminal) -> None:
    """As an outline, as a flowchart that can be piped into a file, and as JSON."""
    outline = project("network", "show")
    assert outline.code == 0, outline.err
    assert outline.out.splitlines()[0] == "support-desk  pipeline · ticket"
    chart = project("network", "show", "stemma.yaml", "--mermaid").out
    assert chart.startswith('flowchart TD\n    inputs[/"ticket"/]\n')
    assert all(len(line) < 200 for line in chart.splitlines())
    shown = project("network", "show", "--json").json
    assert [agent["name"] for agent in shown["agents"]] == ["triage", "find", "check", "reply"]
    assert shown["flow"]["kind"] == "pipeline"


def test_sound_network_is_told_so(project: Terminal) -> None:
    """Every prompt, file and function is looked at; the digest is that of the network that would run."""
    checked = project("network", "check")
    assert checked.code == 0, checked.err
    assert (
        checked.out
        == "network 'support-desk' is sound: 4 agents; every name, prompt and file in stemma.yaml is there\n"
    )
    told = project("network", "check", "--json").json
    assert (told["network"], told["agents"], told["teams"], told["models_missing"]) == ("support-desk", 4, 0, {})
    assert len(told["digest"]) == 64
    assert told["ok"]


def test_model_that_nobody_knows_is_an_error(project: Terminal) -> None:
    """No key would help it."""
    manifest = project.folder / "stemma.yaml"
    manifest.write_text(manifest.read_text().replace("model: embedded", "model: embeded"))
    assert "there is no model called 'embeded'; did you mean 'embedded'?" in project("network", "check").told(1)


def test_policy_about_somebody_who_is_not_there_is_an_error(
    project: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    """A forbid with a typing error never holds: the check says so, and a run that goes ahead warns of it."""
    (project.folder / "policies").mkdir(exist_ok=True)
    project.write("policies/own.cedar", '\nforbid (principal == Agent::"triag", action, resource);\n')
    message = "policies/own.cedar:2: policy 'own#1': it never holds: there is no agent 'triag' (did you mean 'triage'?)"
    assert message in project("network", "check").told(2)
    assert project("run", "--set", "ticket=How do I reset my password?").code == 0
    assert message in caplog.text


def test_model_that_is_not_configured_is_a_warning(project: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network can be checked where its key is not."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    manifest = project.folder / "stemma.yaml"
    manifest.write_text(manifest.read_text().replace("model: embedded", 'model: "openai:gpt-5-mini, embedded"'))
    checked = project("network", "check")
    assert checked.code == 0
    assert checked.err.startswith("warning: ")
    assert "openai" in checked.err


@pytest.mark.parametrize(
    ("changed", "to", "command", "message"),
    [
        ("reads: [ticket]", "reads: [tikket]", "show", "stemma.yaml:11: agent 'triage' needs 'tikket'"),
        ("triage@production", "nobody@production", "check", "stemma.yaml:10: 'prompt' of agent 'triage'"),
        ("inputs:", 'tools: {t: {python: "no.py:f"}}\ninputs:', "check", "nothing uses tool 't'"),
    ],
)
def test_unsound_network_is_one_line(project: Terminal, changed: str, to: str, command: str, message: str) -> None:
    """The manifest's line, the name, and what to do."""
    manifest = project.folder / "stemma.yaml"
    manifest.write_text(manifest.read_text().replace(changed, to, 1))
    assert message in project("network", *command.split()).told(2)


def test_function_that_is_not_there_is_found_by_the_check(project: Terminal) -> None:
    """Tools are opened; no server is started."""
    manifest = project.folder / "stemma.yaml"
    text = manifest.read_text().replace("inputs:", 'tools: {t: {python: "tools.py:look"}}\ninputs:', 1)
    manifest.write_text(text.replace("    writes: category\n", "    writes: category\n    tools: [t]\n"))
    project.write("tools.py", "def seek(ticket: str) -> str:\n    return ticket\n")
    assert "has no function 'look'" in project("network", "check").told(2)
    project.write("tools.py", "def look(ticket: str) -> str:\n    return ticket\n")
    assert "4 agents, 1 tool" in project("network", "check").out


def test_manifest_that_is_not_there(terminal: Terminal) -> None:
    """One line says how to begin."""
    assert "no such file" in terminal("network", "show").told(2)


def test_what_servers_say_is_shown_with_the_digests_to_pin(terminal: Terminal) -> None:
    """What they say of themselves is shown inert; pinned, a tool is told apart from one that was changed since."""
    pytest.importorskip("mcp", reason="needs the extra 'mcp'")
    server = Path(__file__).parents[1] / "network/tools/hostile_server.py"
    manifest = """
network: desk
inputs: [ticket]
tools: {docs: {mcp: {command: [%s, %s, believe me]%s}}}
agents: {clerk: {prompt: clerk.json, reads: [ticket], tools: [docs], writes: said}}
pipeline: [clerk]
"""
    terminal.write("clerk.json", Prompt("clerk: act.").canonical)
    terminal.write("stemma.yaml", manifest % (sys.executable, server, ""))
    told = terminal("network", "tools")
    assert told.code == 0, told.err
    assert "  stock  not pinned, says that it reads, says that it repeats\n" in told.out
    [shown] = terminal("network", "tools", "--json").json
    assert (shown["server"], shown["tool"], shown["standing"], shown["reads"]) == ("docs", "stock", "not pinned", True)
    assert f"  stock: {shown['digest']}\n" in told.out
    for digest, standing in ((shown["digest"], "pinned"), ("0" * 64, "changed")):
        terminal.write("stemma.yaml", manifest % (sys.executable, server, f", tools: {{stock: '{digest}'}}"))
        [found] = terminal("network", "tools", "--json").json
        assert found["standing"] == standing
