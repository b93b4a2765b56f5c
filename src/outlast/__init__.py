"""Keeps an application's LLM calls working when the providers behind them fail."""

__version__ = "0.1.0"
