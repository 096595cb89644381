-- Generic cell rate algorithm: at most one request each `emission` ms on average, `burst` at once.
-- KEYS  rate    ARGV  emission ms, burst
-- Returns 0 (granted) or the ms to wait.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local emission, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local wait = arrival - now - emission * (burst - 1)
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', arrival + emission), 'PX', math.ceil(arrival + emission - now + 1000))
return 0
