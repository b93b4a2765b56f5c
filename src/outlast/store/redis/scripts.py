"""What Redis is asked to do in one step: scripts over bytes, logs and sums. Each touches keys of one slot only.

A script that keeps or forgets something tells whoever listens, in the channel that it is given.
"""

from __future__ import annotations

import hashlib
from functools import cached_property


class Script:
    """A script's text, and the name under which Redis remembers it."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()

    @cached_property
    def sha(self) -> str:
        """The digest by which it is called."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


GET = Script("""
return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}
""")

KEEP = """
local function keep(value, ms)
  if tonumber(ms) > 0 then redis.call('SET', KEYS[1], value, 'PX', ms) else redis.call('UNLINK', KEYS[1]) end
end
"""

PUT = Script(
    KEEP
    + """
keep(ARGV[2], ARGV[3])
redis.call('PUBLISH', ARGV[1], '')
return 1
"""
)
"""channel, value, milliseconds."""

CLAIM = Script(
    KEEP
    + """
local found = redis.call('GET', KEYS[1])
if found then return {found, redis.call('PTTL', KEYS[1])} end
keep(ARGV[2], ARGV[3])
redis.call('PUBLISH', ARGV[1], '')
return {false, 0}
"""
)
"""channel, value, milliseconds."""

SWAP = Script(
    KEEP
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[4] then return 0 end
keep(ARGV[2], ARGV[3])
redis.call('PUBLISH', ARGV[1], '')
return 1
"""
)
"""channel, value, milliseconds, what must be there."""

DELETE = Script("""
local were = redis.call('UNLINK', unpack(KEYS))
redis.call('PUBLISH', ARGV[1], '')
return were
""")
"""channel."""

APPEND = Script("""
local held = 0
if tonumber(ARGV[2]) > 0 then
  for first = 3, #ARGV, 500 do
    redis.call('RPUSH', KEYS[1], unpack(ARGV, first, math.min(first + 499, #ARGV)))
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  held = redis.call('LLEN', KEYS[1])
else
  redis.call('UNLINK', KEYS[1])
end
redis.call('PUBLISH', ARGV[1], '')
return held
""")
"""channel, milliseconds, entries."""

ADD = Script("""
for at = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[at], ARGV[at + 1]) end
local sums = redis.call('HGETALL', KEYS[1])
if tonumber(ARGV[1]) > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) else redis.call('UNLINK', KEYS[1]) end
return sums
""")
"""milliseconds, then a field and an amount each."""

ASIDE = Script("""
local moved = 0
for at = 1, #KEYS, 2 do
  local kind = redis.call('TYPE', KEYS[at])['ok']
  if kind ~= 'none' and kind ~= ARGV[1] then
    redis.call('RENAME', KEYS[at], KEYS[at + 1])
    redis.call('PEXPIRE', KEYS[at + 1], ARGV[2])
    moved = moved + 1
  end
end
return moved
""")
"""type that the keys should have, milliseconds; keys are a key and its place aside each."""
