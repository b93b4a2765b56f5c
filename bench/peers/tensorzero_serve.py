"""TensorZero's gateway listening, until it is killed. Runs in TensorZero's own environment.

tensorzero_serve.py CONFIGURATION PORT-FILE

`_start_http_gateway` is what the package's `patch_openai_client` calls: the Rust server, on a port that it chooses.
"""

import os
import signal
import sys
from urllib.parse import urlsplit

from tensorzero import _start_http_gateway  # type: ignore[import-not-found]  # it is in the peer's environment

gateway = _start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
unfinished = sys.argv[2] + ".new"
with open(unfinished, "w") as file:  # noqa: PTH123
    file.write(str(urlsplit(gateway.base_url).port))
os.replace(unfinished, sys.argv[2])  # noqa: PTH105
signal.pause()
