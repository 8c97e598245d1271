-- Stores one copy, or says that it had been stored: all of it or nothing.
-- ARGV  7 claim, 8 digest of the body, 9 when it was accepted, 10 ttl in ms or 0, 11 collapse key or '', 12 head JSON,
--       13 body
-- Returns 'stored epoch seq', 'duplicate epoch seq' or 'conflict'
local claim, digest, ttl, collapse = ARGV[7], ARGV[8], ARGV[10], ARGV[11]
local found = call('HMGET', INBOX, 'm', 'i' .. claim)
local known = found[2]
if begin(found[1]) then known = call('HGET', INBOX, 'i' .. claim) end

if known then
  finish()
  local original, its = string.match(known, '^(%d+) (%S+)')
  if its ~= digest then return 'conflict' end
  return 'duplicate ' .. epoch .. ' ' .. original
end

local wasEmpty = count == 0
seq, count, unread, unseen = seq + 1, count + 1, unread + 1, unseen + 1
local expires = ttl == '0' and 0 or now + ttl
local leaves = now + STANDS
if expires > 0 and expires < leaves then leaves = expires end
if due == 0 or leaves < due then due = leaves end
stand(leaves + DAY)
local blob = ARGV[12] .. '\n' .. ARGV[13]
local state = now .. ' ' .. expires .. ' ' .. #ARGV[13]

if collapse == '' then
  call('XADD', ORDER, seq, 's', state, 'i', claim)
else
  local others = {}
  for of in string.gmatch(call('HGET', INBOX, 'c' .. collapse) or '', '%d+') do
    if removing().flagsOf(of) % 2 == 1 then others[#others + 1] = of
    else removing().remove(of, 'replaced') end
  end
  others[#others + 1] = seq
  call('HSET', INBOX, 'c' .. collapse, table.concat(others, ' '))
  call('XADD', ORDER, seq, 's', state, 'i', claim, 'c', collapse)
end
if expires > 0 then
  call('ZADD', DUE, expires, seq)
  hold(DUE)
end
if count > KEEP then removing().trim() end
raise()
call('HSET', INBOX, 'm', pack(), 'i' .. claim, seq .. ' ' .. digest .. ' ' .. ARGV[9] .. ' ' .. now, 'b' .. seq, blob)
if isHeld or wasEmpty then holdAll() end
ring('[' .. now .. ',' .. expires .. ']', blob)
return 'stored ' .. epoch .. ' ' .. seq
