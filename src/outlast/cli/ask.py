"""`outlast ask`: one prompt to a running gateway."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from typing import Annotated

from cyclopts import Parameter

from outlast.cli.telling import fail


def ask(
    prompt: str,
    *,
    model: str = "default",
    url: Annotated[str, Parameter(env_var="OUTLAST_URL")] = "http://127.0.0.1:4000",
    key: Annotated[str, Parameter(env_var="OUTLAST_KEY", show_default=False)] = "",
) -> None:
    """Send one prompt to a running gateway and print the answer.

    Args:
        prompt: what to ask.
        model: a route, provider/model, or a model.
        url: where the gateway listens.
        key: an API key of the gateway, where it needs one.
    """
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    body = json.dumps({"model": model, "prompt": prompt}).encode()
    try:
        request = urllib.request.Request(f"{url.rstrip('/')}/v1/generate", body, headers)  # noqa: S310  (as asked)
        with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
            reply = json.load(answer)
    except urllib.error.HTTPError as error:
        fail(_told(error), 1)
    except (OSError, ValueError) as error:
        fail(f"no answer from {url}: {getattr(error, 'reason', error)}; is the gateway running? (outlast serve)", 1)
    print(reply["text"])
    print(f"— {reply['target']} ({reply['source']}, {reply['attempts']} attempt(s))", file=sys.stderr)


def _told(error: urllib.error.HTTPError) -> str:
    with error:
        try:
            return f"{error.code}: {json.load(error)['error']['message']}"
        except (ValueError, KeyError, TypeError):
            return f"the gateway answered with status {error.code}"
