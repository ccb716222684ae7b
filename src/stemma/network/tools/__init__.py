"""Tools that agents can hold: functions, files, HTTP, MCP servers and sandboxed code.

A file of tools beside a manifest needs only this::

    from stemma.network.tools import Call, Effect, tool

    @tool(effect=Effect.SPEND, idempotent=True)
    def refund(order: str, amount: float, call: Call) -> str:
        '''Pays the amount back.'''
"""

from stemma.network.tools.declared import tool
from stemma.network.tools.tool import Call, Effect, Labelled, ToolFailed

__all__ = ["Call", "Effect", "Labelled", "ToolFailed", "tool"]
