"""Limits: one script for each decision over all limits of a scope, by the server's clock.

A key holds its limit's TAT, the moment at which it is full again, in microseconds since 2025, as 17 digits: that is all
of a double. It lives a second longer than it matters, and a limit without a key is full. A clock that steps back only
delays. Each limit is a key and four arguments: cost, microseconds for one unit, burst, and the most that may be asked.
"""

from __future__ import annotations

from outlast.store.redis.scripts import Script

LIMITS = """
local clock = redis.call('TIME')
local now = (clock[1] - 1735689600) * 1000000 + clock[2]
local tats = {}
local function limit(i, first)
  local at = first + 4 * (i - 1)
  return tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
end
local function tat(i)
  local key = KEYS[i]
  if not tats[key] then tats[key] = tonumber(redis.call('GET', key) or '') or 0 end
  return tats[key]
end
local function write(i, value)
  tats[KEYS[i]] = value
  if value > now then
    redis.call('SET', KEYS[i], string.format('%.17g', value), 'PX', string.format('%.0f', (value - now) / 1000 + 1000))
  else
    redis.call('UNLINK', KEYS[i])
  end
end
local function charge(i, cost, spacing)
  write(i, math.max(now, math.max(tat(i), now) + cost * spacing))
end
"""

TAKE = Script(
    LIMITS
    + """
local worst, by = 0, 0
for i = 1, #KEYS do
  local cost, spacing, burst, most = limit(i, 2)
  local wait = tat(i) - now
  if cost < burst then wait = wait - (burst - cost) * spacing elseif cost > most then wait = math.huge end
  if cost > 0 and wait > 0.001 and wait > worst then worst, by = wait, i end
end
local granted = worst < math.huge and worst <= tonumber(ARGV[1])
local reply = {granted and 1 or 0, string.format('%.17g', worst), by}
for i = 1, #KEYS do
  local cost, spacing, burst = limit(i, 2)
  if granted and cost ~= 0 then charge(i, cost, spacing) end
end
for i = 1, #KEYS do
  local cost, spacing, burst = limit(i, 2)
  local missing = math.max(0, tat(i) - now)
  reply[#reply + 1] = string.format('%.17g', math.max(0, burst - missing / spacing))
  reply[#reply + 1] = string.format('%.17g', missing)
end
return reply
"""
)
"""Longest wait in microseconds, then the limits.

Gives: granted, longest wait, which limit asks for it; of each limit what remains, and when it is full.
"""

SETTLE = Script(
    LIMITS
    + """
for i = 1, #KEYS do
  local cost, spacing = limit(i, 1)
  charge(i, cost, spacing)
end
return 1
"""
)

LEASE = Script(
    LIMITS
    + """
local share = 1
for i = 1, #KEYS do
  local cost, spacing, burst = limit(i, 1)
  if cost > 0 then share = math.min(share, math.max(0, burst - math.max(0, tat(i) - now) / spacing) / cost) end
end
if share > 0 then
  for i = 1, #KEYS do
    local cost, spacing = limit(i, 1)
    charge(i, cost * share, spacing)
  end
end
return string.format('%.17g', share)
"""
)

TIGHTEN = Script(
    LIMITS
    + """
for i = 1, #KEYS do
  local left, spacing, burst = limit(i, 1)
  local told = now + (burst - math.max(0, left)) * spacing
  if told > tat(i) then write(i, told) end
end
return 1
"""
)
