"""Configuration: `outlast.toml` and the environment become one frozen `Config`, or one line that says why not."""

from outlast.config.errors import ConfigError
from outlast.config.json_schema import schema
from outlast.config.load import Config, load, parse, simulated, with_prices
from outlast.config.place import StorePlace
from outlast.config.remembering import ResponsesConfig
from outlast.config.resolve import CallerKey
from outlast.config.routes import Routes
from outlast.config.schema import File, GuardConfig, PassThroughConfig, ServerConfig

__all__ = [
    "CallerKey", "Config", "ConfigError", "File", "GuardConfig", "PassThroughConfig", "ResponsesConfig", "Routes",
    "ServerConfig",
    "StorePlace", "load", "parse", "schema", "simulated", "with_prices",
]  # fmt: skip
