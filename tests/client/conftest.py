"""Simulated providers, and configurations that lead to them."""

import os
import subprocess
import sys

import pytest

from outlast.config import parse
from outlast.testing import SimulatedProvider


@pytest.fixture
def provider():
    """Simulated providers on one port, told apart by their names."""
    with SimulatedProvider() as running:
        yield running


@pytest.fixture
def toml(provider):
    """The text of a configuration with a route `default` over these providers."""

    def made(more="", *, providers=("alpha", "beta"), dialects=None):
        tables = []
        for name in providers:
            dialect = (dialects or {}).get(name, "openai")
            base = provider.base_url(name, vendor=dialect)
            account = f'[providers.{name}]\ntype = "openai-compatible"\ndialect = "{dialect}"'
            tables.append(f'{account}\nbase_url = "{base}"\nkey = "sk-{name}-0123456789"')
        targets = ", ".join(f'"{name}/m"' for name in providers)
        return "\n".join([*tables, f"[routes.default]\ntargets = [{targets}]", more])

    return made


@pytest.fixture
def config(toml):
    """The same as a configuration."""
    return lambda *args, **options: parse(toml(*args, **options), {})


@pytest.fixture
def start_script(toml, tmp_path):
    """Starts a program in a process of its own, beside an outlast.toml."""

    def start(text, **options):
        (tmp_path / "outlast.toml").write_text(toml(**options))
        (tmp_path / "program.py").write_text(text)
        return subprocess.Popen(
            [sys.executable, "-W", "error", "program.py"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def run_script(start_script):
    """The same, to its end; its result."""

    def run(text, **options):
        with start_script(text, **options) as program:
            try:
                said, wrong = program.communicate(timeout=120)
            finally:
                program.kill()
        return subprocess.CompletedProcess(program.args, program.returncode, said, wrong)

    return run
