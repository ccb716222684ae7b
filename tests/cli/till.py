"""A network that needs no model and stops for people: it pays a customer back, and somebody says where the receipt goes."""

from pathlib import Path

MANIFEST = """\
network: till
inputs: [order, amount]
tools:
  refund: {python: "tools.py:refund", effect: spend, idempotent: true}
  file: {python: "tools.py:file"}
agents:
  pay: {calls: refund, reads: [order, amount], writes: receipt}
  shelf: {calls: file, reads: [receipt], writes: place, capabilities: [shelves]}
  drawer: {calls: file, reads: [receipt], writes: place, capabilities: [drawers]}
teams:
  keep: {route: {agents: [shelf, drawer], reads: [receipt], abstain: 1.0, otherwise: person}}
people:
  - {before: tool, name: refund, ask: "Pay this refund?", timeout: 3d}
pipeline: [pay, keep]
"""
TOOLS = """\
import time
from pathlib import Path

from stemma.network import tool


@tool(effect="spend", idempotent=True)
def refund(order: str, amount: str) -> str:
    "Pays a customer back."
    if order == "lost":
        raise ValueError(f"there is no order {order!r}")
    return f"paid {amount} for {order}"


@tool(effect="read")
def file(receipt: str) -> str:
    "Keeps a receipt, unless there is a file that says there is no room."
    if Path(__file__).with_name("full").exists():
        raise ValueError("there is no room")
    return f"kept: {receipt}"


@tool(effect="write", idempotent=True)
def count(number: str) -> str:
    "Takes its time, or very long if there is a file that says so, and leaves a line in another."
    time.sleep(60.0 if Path(__file__).with_name("slow").exists() else 0.25)
    with Path(__file__).with_name("counted.txt").open("a") as file:
        file.write(f"{number}\\n")
    return number
"""
COUNTING = """\
network: counting
inputs: {number: {integrity: internal}}
tools: {count: {python: "tools.py:count"}}
agents:
  count: {calls: count, reads: [number], writes: counted}
pipeline: [count]
"""


def write_till(folder: Path) -> None:
    """The till's manifest, `counting.yaml` with nothing but slow work, and the tools of both."""
    (folder / "stemma.yaml").write_text(MANIFEST)
    (folder / "counting.yaml").write_text(COUNTING)
    (folder / "tools.py").write_text(TOOLS)
