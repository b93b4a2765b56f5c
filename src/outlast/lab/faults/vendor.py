"""The named faults of group B that are told in some other vendor's words: what a gateway meets behind "compatible"."""

from __future__ import annotations

import gzip

from outlast.lab.answer import Asked, dumps
from outlast.lab.rendering import whole
from outlast.lab.script import Behaviour, status
from outlast.lab.steps import Body, Raw

_XML = '<?xml version="1.0" encoding="utf-8"?><Error><Code>ServerBusy</Code><Message>canary</Message></Error>'


def says(code: int, content: object) -> Behaviour:
    """An answer with this status and this JSON."""
    return status(code, body=dumps(content).decode())


def _envelope(code: int, data: bytes, *, content_type: str = "application/json") -> Behaviour:
    return Behaviour(f"status-{code}", lambda asked: whole(data, asked, code, content_type=content_type))


def _vllm(code: int, kind: str, message: str) -> Behaviour:
    return says(code, {"object": "error", "message": message, "type": kind, "param": None, "code": code})


def _zipped(asked: Asked) -> list[Raw | Body]:
    del asked
    data = gzip.compress(b'{"error":{"message":"canary","type":"server_error","param":null,"code":null}}', mtime=0)
    head = b"HTTP/1.1 500 Oops\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data)
    return [Raw(head), Body(data)]


_AZURE: dict[str, Behaviour] = {
    "B70-azure-429": says(429, {"error": {"code": "429", "message": "canary: exceeded call rate limit of your tier."}}),
    "B70-azure-deployment": says(404, {"error": {"code": "DeploymentNotFound", "message": "canary: no such thing."}}),
    "B70-azure-resource": says(404, {"error": {"code": "404", "message": "Resource canary not found"}}),
    "B70-azure-401": says(401, {"statusCode": 401, "message": "Unauthorized. Access token is missing, canary."}),
    "B70-azure-filter": says(
        400,
        {
            "error": {
                "code": "content_filter",
                "message": "The response was filtered, canary.",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
            }
        },
    ),
    "B70-azure-xml": status(503, {"content-type": "application/xml"}, _XML),
}
_HOSTED: dict[str, Behaviour] = {
    "B71-mistral-capacity": says(
        429, {"object": "error", "message": "Service tier capacity exceeded, canary.", "type": "x", "code": "3505"}
    ),
    "B71-mistral-422": says(
        422, {"object": "error", "message": {"detail": [{"type": "missing", "msg": "canary"}]}, "type": "invalid"}
    ),
    "B71-mistral-500": says(
        500, {"object": "error", "message": {"detail": "canary"}, "type": "internal_error", "code": "1000"}
    ),
    "B72-cohere-trial": says(429, {"message": "You are using a Trial key, canary, limited to 10 calls a minute."}),
    "B72-cohere-token": says(498, {"message": "invalid token canary"}),
    "B72-cohere-too-long": says(400, {"id": "x", "message": "too many tokens: canary, size limit exceeded by 11"}),
    "B72-cohere-500": says(500, {"message": "internal server error, canary"}),
    "B73-groq-flex": says(498, {"error": {"message": "canary", "type": "server_error", "code": "capacity_exceeded"}}),
    "B73-groq-tool-use": says(
        400,
        {
            "error": {
                "message": "Failed to call a function.",
                "type": "invalid_request_error",
                "code": "tool_use_failed",
                "failed_generation": "canary",
            }
        },
    ),
    "B73-retired": says(
        400, {"error": {"message": "canary", "type": "invalid_request_error", "code": "model_decommissioned"}}
    ),
    "B74-openrouter-502": says(
        502, {"error": {"code": 502, "message": "Provider returned error", "metadata": {"raw": "canary"}}}
    ),
    "B74-openrouter-402": says(402, {"error": {"code": 402, "message": "Insufficient credits. canary"}}),
    "B74-gemini-unavailable": says(
        503, {"error": {"code": 503, "message": "The model is overloaded. canary", "status": "UNAVAILABLE"}}
    ),
    "B74-gemini-key": says(
        400,
        {
            "error": {
                "code": 400,
                "message": "API key not valid. Please pass a valid API key.",
                "status": "INVALID_ARGUMENT",
                "details": [{"reason": "API_KEY_INVALID", "domain": "canary"}],
            }
        },
    ),
    "B74-gemini-list": says(500, [{"error": {"code": 500, "message": "canary", "status": "INTERNAL"}}]),
}
_SERVED: dict[str, Behaviour] = {
    "B75-vllm-500": _vllm(500, "InternalServerError", "canary: the engine is dead"),
    "B75-vllm-no-words": _vllm(500, "InternalServerError", ""),
    "B75-vllm-context": _vllm(
        400,
        "BadRequestError",
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
    ),
    "B75-vllm-model": _vllm(404, "NotFoundError", "The model `canary` does not exist."),
    "B75-vllm-400": _vllm(400, "BadRequestError", "canary must be positive"),
    "B76-fastapi-422": says(422, {"detail": [{"loc": ["body", "canary"], "msg": "field required", "type": "missing"}]}),
    "B76-fastapi-404": says(404, {"detail": "Not Found"}),
    "B76-fastapi-500": says(500, {"detail": "Internal Server Error, canary"}),
    "B76-fastapi-401": says(401, {"detail": "Not authenticated"}),
    "B77-tgi-loading": says(503, {"error": "Model canary is currently loading", "estimated_time": 20.0}),
    "B77-tgi-overloaded": says(429, {"error": "Model is overloaded, canary", "error_type": "overloaded"}),
    "B77-ollama-busy": says(503, {"error": "server busy, please try again.  maximum pending requests exceeded"}),
    "B77-ollama-pull": says(404, {"error": 'model "canary" not found, try pulling it first'}),
    "B78-aws-throttling": says(429, {"message": "Too many requests, canary, please wait before trying again."}),
    "B78-aws-503": says(503, {"message": "Service Unavailable, canary"}),
    "B78-aws-403": says(403, {"Message": "User canary is not authorized to perform this action"}),
    "B78-aws-504": says(504, {"message": "Endpoint request timed out, canary"}),
    "B79-envelope-with-bom": _envelope(500, b'\xef\xbb\xbf{"error":{"message":"canary","type":"server_error"}}'),
    "B79-envelope-as-html": _envelope(
        500, b'{"error":{"message":"canary","type":"server_error"}}', content_type="text/html"
    ),
    "B79-envelope-zipped": Behaviour("zipped", _zipped),
    "B79-envelope-in-utf16": _envelope(500, '{"error":{"message":"canary"}}'.encode("utf-16")),
    "B79-envelope-cut": _envelope(500, b'{"error":{"message":"canary","type":"serv'),
    "B79-problem-json": _envelope(
        503, b'{"type":"about:blank","title":"canary","status":503}', content_type="application/problem+json"
    ),
}

VENDOR_FAULTS: dict[str, Behaviour] = _AZURE | _HOSTED | _SERVED
"""By name; `outlast.lab.faults` holds them with the others."""
