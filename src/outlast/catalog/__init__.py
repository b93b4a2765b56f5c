"""The catalog: providers, models and prices as data."""

from outlast.catalog.rows import UNLISTED, Catalog, ModelRow, ProviderRow, builtin

__all__ = ["UNLISTED", "Catalog", "ModelRow", "ProviderRow", "builtin"]
