"""Texts as unit vectors whose dot product says how alike two texts are."""

from stemma.models.encoders.encoder import Encoder
from stemma.models.encoders.hashed import HashedEncoder

__all__ = ["Encoder", "HashedEncoder"]
