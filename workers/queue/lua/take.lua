-- Entries whose lease has run out (or, with min_idle 0 and a name, a consumer's own from its former life).
-- KEYS  lanes    ARGV  group, consumer, free, then for each lane: its stage, how many more of that stage may run;
--       then min_idle ms, only this consumer ('' = all), and what is in hand already: lane number, id ...
-- Returns {lane number, id, fields, deliveries before this one}...
local free, left, taken, hand, held = tonumber(ARGV[3]), {}, {}, {}, {}
for i = 1, #KEYS do
  left[ARGV[2 + 2 * i]] = tonumber(ARGV[3 + 2 * i])
end
local at = 4 + 2 * #KEYS
local min_idle, only = ARGV[at], ARGV[at + 1]
for i = at + 2, #ARGV, 2 do
  hand[ARGV[i] .. '/' .. ARGV[i + 1]] = true
  held[ARGV[i]] = (held[ARGV[i]] or 0) + 1
end
for i, key in ipairs(KEYS) do
  local stage = ARGV[2 + 2 * i]
  if math.min(free, left[stage]) > 0 then
    local ask = {'XPENDING', key, ARGV[1], 'IDLE', min_idle, '-', '+', free + (held[tostring(i)] or 0)}
    if only ~= '' then ask[#ask + 1] = only end
    for _, pending in ipairs(redis.call(unpack(ask))) do
      local id = pending[1]
      if math.min(free, left[stage]) > 0 and not hand[i .. '/' .. id] then
        local entry = redis.call('XCLAIM', key, ARGV[1], ARGV[2], 0, id)[1]
        if entry and entry[2] then
          taken[#taken + 1] = {i, id, entry[2], pending[4]}
          free, left[stage] = free - 1, left[stage] - 1
        else
          redis.call('XACK', key, ARGV[1], id) -- deleted by hand: nothing is left to run
        end
      end
    end
  end
end
return taken
