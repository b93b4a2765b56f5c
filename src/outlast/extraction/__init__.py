"""Answers as values: what `Client.extract` gives, and the shapes that it takes."""

from __future__ import annotations

from outlast.extraction.asynchronous import AsyncExtraction
from outlast.extraction.blocking import BlockingExtraction
from outlast.extraction.extracting import Extracting, ReadExtracting
from outlast.extraction.shape import Extracted, Shape, shape_of

__all__ = ["AsyncExtraction", "BlockingExtraction", "Extracted", "Extracting", "ReadExtracting", "Shape", "shape_of"]
