"""Pictures of a network: a Mermaid flowchart, and an outline for the terminal."""

from stemma.network.drawing.mermaid import mermaid
from stemma.network.drawing.outline import outline

__all__ = ["mermaid", "outline"]
