"""Alarms of networks: raised where a call or an instruction is refused, and by a watch over tasks that have ended."""

from stemma.network.alarms.alarms import Alarms, Noticed, Raised

__all__ = ["Alarms", "Noticed", "Raised"]
