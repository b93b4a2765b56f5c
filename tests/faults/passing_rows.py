"""What must come of faults on a path that is passed on unread, where nobody knows what an answer looks like."""

from typing import NamedTuple

from .terms import CLASSES

PASSED = "passed on"


class Passing(NamedTuple):
    """One fault, asked of a sound, of the only target and of the first of two.

    Attributes:
        what: what the provider does.
        comes: class of the failure; `PASSED` for an answer as it came.
        status: of an answer that is passed on; of a failure, where it says otherwise than its class.
        alone, first, onward: as in `terms.Class`, where it says otherwise.
        must: what holds beside.
    """

    what: str
    comes: str
    status: int = 200
    alone: int | None = None
    first: int | None = None
    onward: bool | None = None
    must: str = ""

    @property
    def wanted(self):
        """What its class means, with what this row says otherwise."""
        base = CLASSES.get(self.comes, CLASSES["ok"])
        said = {name: getattr(self, name) for name in ("alone", "first", "onward")}
        said["openai"] = self.status if self.status != 200 or base.openai == 200 else None
        return base._replace(**{name: value for name, value in said.items() if value is not None})


ROWS = {
    "A4-rst-at-once": Passing("accepts, then resets", "connect"),
    "A6-random-bytes": Passing("bytes that are no HTTP", "bad_response"),
    "B1-invalid-request": Passing("400 invalid_request", "caller", must="our words and the provider's code"),
    "B5-key-refused": Passing("401", "permission", must="chats with the same key go on: this path alone is refused"),
    "B6-payment": Passing("402", "quota"),
    "B7-region": Passing("403 for the region", "permission"),
    "B8-no-model": Passing("404", "caller", 404, onward=True),
    "B12-too-large": Passing("413", "caller", 413),
    "B15-server-error": Passing("500", "transient"),
    "B17-html-502": Passing("502 with a web page", "bad_response", must="the page is never passed on"),
    "B24-should-not-retry": Passing("500, `x-should-retry: false`", "transient", alone=1, first=1),
    "B34-retry-after-day": Passing("429, `Retry-After: 86400`", "throttled", alone=1, first=1),
    "B43-insufficient-quota": Passing("429 insufficient_quota", "quota"),
    "B44-redirect-307": Passing("307 elsewhere", "bad_response", alone=1, first=1, must="the other host sees nothing"),
    "B46-no-content-204": Passing("204", PASSED, 204, must="a deletion has no more to say"),
    "B54-empty-500": Passing("500 without a body", "bad_response"),
    "C1-fin-first": Passing("closes before any byte", "connect"),
    "C16-length-too-long": Passing("closes before the length that it promised", "bad_response"),
    "D1-empty": Passing("200 without a body", PASSED, must="nobody knows whether there was to be more"),
    "D2-truncated-json": Passing("half a JSON document", "bad_response", must="what calls itself JSON must be JSON"),
    "D14-error-in-200": Passing("200 with an error envelope", PASSED, must="no body is understood"),
}
"""By the names of `outlast.testing.FAULTS`."""
