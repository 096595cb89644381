-- How many of the delayed and the dead belong to each lane, where there are few enough to look at.
-- KEYS  delayed, failed    ARGV  at most so many
-- Returns {delayed, dead, {lane, count ...} or false, {lane, count ...} or false}
local most = tonumber(ARGV[1])
local function counted(names)
  local counts, flat = {}, {}
  for _, name in ipairs(names) do counts[name] = (counts[name] or 0) + 1 end
  for name, count in pairs(counts) do
    flat[#flat + 1] = name
    flat[#flat + 1] = count
  end
  return flat
end
local delayed, dead = redis.call('ZCARD', KEYS[1]), redis.call('XLEN', KEYS[2])
local of_delayed, of_dead = false, false
if delayed <= most then
  local names = {}
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    names[#names + 1] = string.match(member, '^(%S+) ') or '?'
  end
  of_delayed = counted(names)
end
if dead <= most then
  local names = {}
  for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+')) do
    for i = 1, #entry[2], 2 do
      if entry[2][i] == 'lane' then names[#names + 1] = entry[2][i + 1] end
    end
  end
  of_dead = counted(names)
end
return {delayed, dead, of_delayed, of_dead}
