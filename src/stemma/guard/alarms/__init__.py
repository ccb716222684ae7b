"""Signs of an attack in what a network did: pure detectors, and the record of what they found. None of them decides."""

from stemma.guard.alarms.alarm import Alarm, Hop, Kind, Severity, Source, SourceKind
from stemma.guard.alarms.drift import strayed
from stemma.guard.alarms.loops import Asked, Loop, loops
from stemma.guard.alarms.provenance import Text, Trace, Turn, trace
from stemma.guard.alarms.rates import Spike, spike

__all__ = [
    "Alarm",
    "Asked",
    "Hop",
    "Kind",
    "Loop",
    "Severity",
    "Source",
    "SourceKind",
    "Spike",
    "Text",
    "Trace",
    "Turn",
    "loops",
    "spike",
    "strayed",
    "trace",
]
