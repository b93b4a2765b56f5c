"""When a provider says to come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import hints
from outlast.dialects.classify import classify

DATE = b"Sat, 21 Nov 2026 12:00:00 GMT"

ROWS = [
    ("B26", {"retry-after": "1"}, 1.0),
    ("B27", {"retry-after": "0.25"}, 0.25),
    ("B29", {"retry-after": "0"}, None),
    ("negative", {"retry-after": "-3"}, None),
    ("B31", {"retry-after": "nan"}, None),
    ("B32-inf", {"retry-after": "inf"}, None),
    ("B32-1e400", {"retry-after": "1e400"}, None),
    ("B34", {"retry-after": "86400"}, 86400.0),
    ("B36", {"retry-after": "Sat, 21 Nov 2026 12:00:02 GMT"}, 2.0),
    ("B37", {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
    ("B39", {"retry-after": "Sat, 21 Nov 99999 12:00:00 GMT"}, None),
    ("garbage", {"retry-after": "soon"}, None),
    ("empty", {"retry-after": ""}, None),
    ("B41-1s", {"x-ratelimit-reset": "1s"}, 1.0),
    ("B41-6m0s", {"x-ratelimit-reset": "6m0s"}, 360.0),
    ("B41-ms", {"x-ratelimit-reset-tokens": "12ms"}, 0.012),
    ("B41-mixed", {"x-ratelimit-reset-requests": "1h2m3.5s"}, 3723.5),
    (
        "B41-spent-one",
        {
            "x-ratelimit-remaining-requests": "7",
            "x-ratelimit-reset-requests": "6m0s",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "8.64s",
        },
        8.64,
    ),
    ("not-spent", {"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "6m0s"}, None),
    ("azure", {"x-ratelimit-reset-requests": "10"}, 10.0),
    ("azure-minus", {"x-ratelimit-reset-requests": "-1"}, None),
    (
        "B42",
        {"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:05Z"},
        5.0,
    ),
    ("B42-offset", {"anthropic-ratelimit-tokens-reset": "2026-11-21T13:00:05+01:00"}, 5.0),
    ("B42-past", {"anthropic-ratelimit-requests-reset": "2026-11-21T11:59:00Z"}, None),
    ("cohere-epoch", {"x-ratelimit-reset": "1795262407"}, 7.0),
    ("F6-year-9999", {"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 251607038399.0),
    ("F6-year-9999-west", {"x-ratelimit-reset": "9999-12-31T23:59:59-12:00"}, 251607081599.0),
    ("F6-year-10000", {"x-ratelimit-reset": "10000-01-01T00:00:00Z"}, None),
    ("F6-2038", {"x-ratelimit-reset": "2038-01-19T03:14:08Z"}, 352221248.0),
    ("F6-epoch-after-9999", {"x-ratelimit-reset": "253402300800"}, None),
    ("F6-leap-second", {"x-ratelimit-reset": "2026-11-21T12:00:60Z"}, 59.0),
    ("F6-leap-second-date", {"retry-after": "Sat, 21 Nov 2026 12:00:60 GMT"}, 59.0),
    ("RT-20", {"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
    ("azure-ms", {"x-ms-retry-after-ms": "250"}, 0.25),
    ("RT-21-2", {"retry-after": "2"}, 2.0),
    ("RT-21-0.5", {"retry-after": "0.5"}, 0.5),
    ("RT-21-date", {"retry-after": "Sat, 21 Nov 2026 12:00:07 GMT"}, 7.0),
    ("RT-21-nan", {"retry-after": "nan"}, None),
    ("RT-21-inf", {"retry-after": "inf"}, None),
    ("twice", {"retry-after": "1, 1"}, 1.0),
    ("twice-longest", {"retry-after": "1, 5"}, 5.0),
    ("number-and-date", {"retry-after": "5, Sat, 21 Nov 2026 12:00:02 GMT"}, 5.0),
    ("twice-one-bad", {"retry-after": "soon, 2"}, 2.0),
    ("bad-ms", {"retry-after-ms": "nan", "retry-after": "3"}, 3.0),
]


def header(values, date=DATE):
    lines = {name.encode(): value.encode() for name, value in values.items()}
    return (lines | {b"date": date} if date else lines).get


@pytest.mark.parametrize(("values", "expected"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_hints_are_read(wire, values, expected):
    """The first header that says anything usable wins; everything else is no hint."""
    found = classify(429, header(values), b"", wire.target()).retry_after
    assert found == pytest.approx(expected)


def test_a_date_needs_the_answers_own_date():
    """Our clock is never asked, so a date without a Date beside it says nothing."""
    values = {"retry-after": "Sat, 21 Nov 2026 12:00:07 GMT"}
    assert hints.wait_asked(header(values, date=None)) is None
    assert hints.wait_asked(header(values, date=b"yesterday")) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_header_is_read(value, date):
    """No header makes us raise, or wait for ever."""
    found = {b"retry-after": value.encode(), b"date": date.encode(), b"x-ratelimit-reset": value.encode()}
    for seconds in (hints.wait_asked(found.get), hints.reset(found.get)):
        assert seconds is None or 0 < seconds < float("inf")


def test_an_answer_of_a_leap_second_has_a_date():
    """F6: a Date of 23:59:60 is as good as any."""
    values = {"retry-after": "Sun, 01 Jan 2017 00:00:04 GMT"}
    assert hints.wait_asked(header(values, date=b"Sat, 31 Dec 2016 23:59:60 GMT")) == pytest.approx(5.0, abs=1.0)


def test_quota_is_the_tightest_limit():
    """Anthropic limits input and output tokens apart; what is left is the smaller."""
    told = hints.quota(
        header(
            {
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:01Z",
                "anthropic-ratelimit-input-tokens-remaining": "9000",
                "anthropic-ratelimit-output-tokens-remaining": "70",
                "anthropic-ratelimit-output-tokens-reset": "2026-11-21T12:00:30Z",
            }
        )
    )
    assert told is not None
    assert (told.requests_left, told.requests_reset) == (49, 1.0)
    assert (told.tokens_left, told.tokens_reset) == (70, 30.0)


@pytest.mark.parametrize("value", ["", "-1", "many", "9" * 5000, "1.5"])
def test_odd_quotas_say_nothing(value):
    """Azure's -1 and garbage are no numbers of requests."""
    assert hints.quota(header({"x-ratelimit-remaining-requests": value})) is None
