"""The only wiring: one settings record builds every room."""

from stemma.platform.settings import Settings
from stemma.platform.stemma import Stemma, open_stemma

__all__ = ["Settings", "Stemma", "open_stemma"]
