-- Adds users to those who have something under one id, as long as there is room.
-- KEYS  1 owners (sorted set)
-- ARGV  1 most users, 2 how long it stands at least in ms, from 3 on: users
local call = redis.call
local room = ARGV[1] - call('ZCARD', KEYS[1])
for i = 3, #ARGV do
  if room <= 0 then break end
  room = room - call('ZADD', KEYS[1], 'NX', ARGV[1] - room, ARGV[i])
end
if call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then call('PEXPIRE', KEYS[1], ARGV[2]) end
