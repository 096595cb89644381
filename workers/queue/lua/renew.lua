-- Renew leases: idle begins anew, the delivery count stays.
-- KEYS  lanes    ARGV  group, consumer, then for each message: lane number, id
-- Returns for each 1, or 0 where it is no longer ours.
local answers = {}
for at = 3, #ARGV, 2 do
  local key, id = KEYS[tonumber(ARGV[at])], ARGV[at + 1]
  local pending = redis.pcall('XPENDING', key, ARGV[1], id, id, 1)
  local ours = not pending.err and #pending > 0 and pending[1][2] == ARGV[2]
  if ours then redis.call('XCLAIM', key, ARGV[1], ARGV[2], 0, id, 'JUSTID') end
  answers[#answers + 1] = ours and 1 or 0
end
return answers
