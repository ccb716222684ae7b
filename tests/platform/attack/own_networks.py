"""Networks of a user's, written into a folder: whatever a test calls must not touch their tools, which leave a mark."""

from pathlib import Path

CALLED = "a-real-tool-was-called"

_TOOLS = """from pathlib import Path

from stemma.core.trust import UNTRUSTED
from stemma.network import tool


def _mark():
    Path(__file__).with_name("a-real-tool-was-called").write_text("it was")
    raise AssertionError("a real tool was called")


@tool(effect="read"MAIL)
def read_mail() -> str:
    "The newest mail."
    _mark()


@tool(effect="spend"PAY)
def pay(iban: str, amount: float, note: str = "") -> str:
    "Pays."
    _mark()


@tool(effect="egress", sensitive=["to"])
def send(to: str, text: str) -> str:
    "Sends a mail."
    _mark()


@tool(effect="write")
def wipe() -> str:
    "Deletes all that there is."
    _mark()
"""

_OFFICE = """network: office
inputs: {request: {integrity: trusted}}
bounds: {approvals: 3}
tools:
  read_mail: {python: "tools.py:read_mail"}
  pay: {python: "tools.py:pay"}
  wipe: {python: "tools.py:wipe"}
agents:
  clerk: {prompt: clerk.prompt.yml, reads: [request], writes: answer, tools: [read_mail, pay, wipe]}
pipeline: [clerk]
"""

TASKS = r"""tasks:
  - name: invoice
    item: {request: "Pay the invoice in my mail."}
    answers: {read_mail: "Please pay 120. IBAN: DE02120300000000202051 Thanks"}
    calls:
      - {agent: clerk, tool: read_mail}
      - agent: clerk
        tool: pay
        arguments: {iban: {from: read_mail, find: 'IBAN: (\S+)', as: iban}, amount: 120}
"""

_CREW = """network: crew
inputs: {letter: {integrity: untrusted}, task: {integrity: trusted}}
tools:
  pay: {python: "tools.py:pay"}
  send: {python: "tools.py:send"}
agents:
  lead: {prompt: lead.prompt.yml, reads: [letter, task, "workers?"], writes: split}
  reader:
    prompt: reader.prompt.yml
    reads: [letter, "brief?"]
    writes: said
    knowledge: {folder: notes, label: {integrity: untrusted}, query: [letter]}
    memory: {scope: letters, top: 2, query: [letter], keeps: [letter]}
  payer:
    prompt: payer.prompt.yml
    reads: [task, "brief?"]
    writes: paid
    tools: [pay]
    memory: {scope: desk, top: 2, query: [task]}
  expert: {prompt: expert.prompt.yml, reads: [task, "brief?"], writes: expertise, tools: [send]}
  first:
    prompt: voter.prompt.yml
    reads: [letter]
    writes: vote
    schema: {enum: ["no", "yes"]}
  second: {prompt: voter.prompt.yml, reads: [letter], writes: other}
  writer:
    prompt: writer.prompt.yml
    reads: ["said?", verdict, task]
    writes: report
    when: {verdict: "yes"}
    otherwise: they did not agree
    asks: [helper]
  helper: {prompt: helper.prompt.yml, reads: [question], writes: help, tools: [send]}
teams:
  board: {hierarchy: {orchestrator: lead, workers: [reader, payer], spawn: expert}}
  jury: {panel: {members: [first, second], writes: verdict, tie: first}}
people:
  - {before: phase, name: write, ask: "Write it?", timeout: 3d, on_timeout: reject}
phases:
  - {phase: split, agents: [board, jury], parallel: true}
  - {phase: write, agents: [writer], depends_on: [split]}
"""

_READ = {
    "lead": ("letter", "task", "workers"),
    "reader": ("letter", "brief", "context", "memory"),
    "payer": ("task", "brief", "memory"),
    "expert": ("task", "brief"),
    "voter": ("letter",),
    "writer": ("said", "verdict", "task"),
    "helper": ("question",),
    "clerk": ("request",),
}


def office(folder: Path, *, mail: str = ", label=UNTRUSTED", pay: str = "", tasks: str | None = TASKS) -> Path:
    """A clerk who reads mail and pays. `mail` and `pay` are what the tools say of themselves."""
    return _written(folder, _OFFICE, tasks, mail=mail, pay=pay)


def crew(folder: Path) -> Path:
    """A hierarchy that makes up roles, a panel, phases, documents of strangers, colleagues and two memories."""
    (folder / "notes").mkdir(parents=True)
    (folder / "notes" / "letters.md").write_text("A letter is answered within a week.")
    return _written(folder, _CREW, None)


def _written(folder: Path, manifest: str, tasks: str | None, *, mail: str = "", pay: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stemma.yaml").write_text(manifest)
    (folder / "tools.py").write_text(_TOOLS.replace("MAIL", mail).replace("PAY", pay))
    if tasks is not None:
        (folder / "attack.yaml").write_text(tasks)
    for agent, reads in _READ.items():
        if f"{agent}.prompt.yml" in manifest:
            lines = "".join(f"      {{{{{name}}}}}\n" for name in reads)
            text = f"messages:\n  - {{role: system, content: You are the {agent}.}}\n  - role: user\n    content: |\n{lines}"
            (folder / f"{agent}.prompt.yml").write_text(text)
    return folder
