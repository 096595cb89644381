-- A worker leaves: what is still under its name goes to nobody, then its name goes.
-- KEYS  lanes    ARGV  group, consumer, nobody
-- Returns how many entries were released.
local released = 0
for _, key in ipairs(KEYS) do
  local mine = redis.pcall('XPENDING', key, ARGV[1], '-', '+', 1000, ARGV[2])
  if not mine.err then
    for _, pending in ipairs(mine) do
      redis.call('XCLAIM', key, ARGV[1], ARGV[3], 0, pending[1], 'IDLE', 86400000, 'JUSTID')
      released = released + 1
    end
    -- Deleting a consumer deletes what is pending under its name.
    if #redis.call('XPENDING', key, ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
      redis.call('XGROUP', 'DELCONSUMER', key, ARGV[1], ARGV[2])
    end
  end
end
return released
