"""Group B: when to come back, as headers and bodies tell it."""

from .terms import Row, hinted, own

ROWS = {
    "B19-503-retry-after-1": Row(
        "503, `Retry-After: 1`", "transient", alone=1, first=1, hint=1.0, must="never asked again earlier"
    ),
    "B26-retry-after-1": hinted("429, `Retry-After: 1`", 1.0, "never asked again earlier"),
    "B27-retry-after-quarter": Row("429, `Retry-After: 0.25`", "throttled", must="never asked again earlier"),
    "B28-retry-after-ms": hinted("429, `retry-after-ms: 1500`, `Retry-After: 9`", 1.5, "milliseconds win"),
    "B29-retry-after-0": own("429, `Retry-After: 0`", "no tight loop"),
    "B30-retry-after-negative": own("429, `Retry-After: -5`"),
    "B31-retry-after-nan": own("429, `Retry-After: nan`"),
    "B32-retry-after-inf": own("429, `Retry-After: inf`", "no endless sleep"),
    "B32-retry-after-1e400": own("429, `Retry-After: 1e400`", "no endless sleep"),
    "B33-retry-after-words": own("429, `Retry-After: soon`"),
    "B34-retry-after-day": Row(
        "429, `Retry-After: 86400`", "throttled", alone=1, first=1, hint=86400.0, must="told at once, not slept out"
    ),
    "B36-retry-after-date": hinted("429, a date two seconds after its own `Date`", 2.0, "our clock may be wrong"),
    "B37-retry-after-2015": own("429, a date in 2015"),
    "B39-retry-after-year-99999": own("429, a date in the year 99999"),
    "B41-reset-1s": hinted("429, `x-ratelimit-reset-requests: 1s`", 1.0),
    "B41-reset-6m0s": Row("429, `x-ratelimit-reset-tokens: 6m0s`", "throttled", alone=1, first=1, hint=360.0),
    "B42-reset-rfc3339": hinted("429, `anthropic-ratelimit-requests-reset` in RFC 3339", 2.0),
    "B43-insufficient-quota": Row("429 insufficient_quota", "quota", must="never repeated"),
    "B60-503-retry-after-day": Row(
        "503, `Retry-After: 86400`", "transient", alone=1, first=1, hint=86400.0, must="told at once, not slept out"
    ),
    "B60-429-azure-ms": hinted("429, `x-ms-retry-after-ms: 1500`, `Retry-After: 9`", 1.5, "milliseconds win"),
    "B61-retry-after-twice": hinted("429, `Retry-After: 1` twice", 1.0, "never asked again earlier"),
    "B61-retry-after-two-numbers": hinted("429, `Retry-After: 1` and `Retry-After: 5`", 5.0, "the longer one holds"),
    "B61-retry-after-number-and-date": hinted("429, `Retry-After: 5` and a date in two seconds", 5.0, "numbers win"),
    "B61-retry-after-date-without-date": own("429, a date, and no `Date` to measure it by", "our clock is not asked"),
    "B61-retry-after-unit": own("429, `Retry-After: 1s`"),
    "B61-retry-after-empty": own("429, `Retry-After:` and nothing"),
    "B62-ms-garbage-then-seconds": hinted("429, `retry-after-ms: soon`, `Retry-After: 1`", 1.0),
    "B62-ms-zero-then-seconds": hinted("429, `retry-after-ms: 0`, `Retry-After: 1`", 1.0),
    "B63-reset-epoch": hinted("429, `x-ratelimit-reset` as seconds since 1970", 2.0),
    "B63-reset-minus-one": own("429, a reset of -1"),
    "B63-reset-not-exhausted": hinted("429, the resets of two limits, one exhausted", 1.0, "the other is no hint"),
    "B64-quota-with-retry-after": Row("429 insufficient_quota, `Retry-After: 1`", "quota", must="never repeated"),
    "B64-quota-in-words": Row("429, quota exceeded, in words alone", "quota", must="never repeated"),
    "B65-retry-in-words": own("429, `Please try again in 1.3s` in its text", "texts are no hints"),
    "B65-gemini-retry-delay": hinted("429, Google's `retryDelay: 27s` in the body", 27.0, "never asked again earlier"),
    "B65-gemini-fraction": hinted("429, `retryDelay: 1.5s`", 1.5),
    "B65-gemini-in-a-list": hinted("429, `retryDelay: 27s` in a list", 27.0),
    "B65-gemini-header-wins": hinted("429, `Retry-After: 2`, `retryDelay: 27s`", 2.0, "headers win"),
    "B65-gemini-delay-number": own("429, `retryDelay: 27` without its unit"),
    "B65-gemini-delay-words": own("429, `retryDelay: soon`"),
}
