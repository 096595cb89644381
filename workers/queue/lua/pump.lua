-- Delayed messages that are due go to the end of their lanes.
-- KEYS  delayed, lanes    ARGV  at most so many, then for each lane: its name
-- Returns how many moved.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local key_of, moved = {}, 0
for i = 2, #KEYS do key_of[ARGV[i]] = KEYS[i] end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local name, data = string.match(member, '^(%S+) (.*)$')
  if name and key_of[name] then
    redis.call('XADD', key_of[name], '*', 'data', data)
    redis.call('ZREM', KEYS[1], member)
    moved = moved + 1
  end
end
return moved
