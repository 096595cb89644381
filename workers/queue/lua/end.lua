-- The end of messages: each moves once and at once, if its lease is still ours.
-- KEYS  delayed, failed, lanes    ARGV  group, consumer, nobody, then for each message:
--       lane number, id, mode, payload, delay ms, meta
-- done: it goes. later: into delayed. dead: into failed. back: to nobody, so that any worker takes it at once, and
-- this delivery does not count.
-- Returns for each 0 (the lease was lost: nothing is done), -1 (no memory for it: nothing is done), the due ms (later)
-- or 1.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for at = 4, #ARGV, 6 do
  local key, id, mode = KEYS[2 + ARGV[at]], ARGV[at + 1], ARGV[at + 2]
  local pending = redis.pcall('XPENDING', key, ARGV[1], id, id, 1)
  local answer = 0
  if not pending.err and #pending > 0 and pending[1][2] == ARGV[2] then
    answer = 1
    if mode == 'back' then
      redis.call('XCLAIM', key, ARGV[1], ARGV[3], 0, id, 'IDLE', 86400000, 'RETRYCOUNT', math.max(pending[1][4] - 1, 0), 'JUSTID')
    else
      local kept = 1
      if mode == 'later' then
        answer = now + tonumber(ARGV[at + 4])
        kept = redis.pcall('ZADD', KEYS[1], answer, ARGV[at + 3])
      elseif mode == 'dead' then
        local lane = string.match(key, '}:(.+)$')
        kept = redis.pcall('XADD', KEYS[2], '*', 'data', ARGV[at + 3], 'meta', ARGV[at + 5], 'lane', lane)
      end
      if type(kept) == 'table' and kept.err then
        answer = -1 -- the others of this call are still ended: that frees memory
      else
        redis.call('XACK', key, ARGV[1], id)
        redis.call('XDEL', key, id)
      end
    end
  end
  answers[#answers + 1] = answer
end
return answers
