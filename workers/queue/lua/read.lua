-- New entries, lane by lane in the order given, never more than there are free slots in all.
-- KEYS  lanes    ARGV  group, consumer, free, then for each lane: its stage, how many more of that stage may run
-- Returns {lane number, id, fields, deliveries before this one}...
local free, left, taken = tonumber(ARGV[3]), {}, {}
for i = 1, #KEYS do
  left[ARGV[2 + 2 * i]] = tonumber(ARGV[3 + 2 * i])
end
for i, key in ipairs(KEYS) do
  local stage = ARGV[2 + 2 * i]
  local count = math.min(free, left[stage])
  if count > 0 then
    local reply = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', count, 'STREAMS', key, '>')
    if reply then
      for _, entry in ipairs(reply[1][2]) do
        taken[#taken + 1] = {i, entry[1], entry[2], 0}
        free, left[stage] = free - 1, left[stage] - 1
      end
    end
  end
end
return taken
