-- Adds users to those who have something under one id, as long as there is room: where there is none, first of all
-- those go who have forgotten it.
-- KEYS  1 owners (sorted set): users by when they may forget
-- ARGV  1 most users, 2 how long the id is known at least in ms, from 3 on: users
local call = redis.call
local now = NOW
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local owners = call('ZCARD', KEYS[1])
local room = ARGV[1] - owners
if room < #ARGV - 2 then room = room + call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now) end
local known = string.format('%d', now + ARGV[2])
for i = 3, #ARGV do
  local isOld = room <= 0 and call('ZSCORE', KEYS[1], ARGV[i])
  if room > 0 or isOld then room = room - call('ZADD', KEYS[1], known, ARGV[i]) end
end
if owners == 0 or call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then call('PEXPIRE', KEYS[1], ARGV[2]) end
