-- A dead letter goes back to its lane.
-- KEYS  failed, lane    ARGV  id, data
-- Returns the new entry's id, or false where the letter is gone.
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return false end
return redis.call('XADD', KEYS[2], '*', 'data', ARGV[2])
