-- Stores one copy, or says that it had been stored: all of it or nothing.
-- ARGV  4 i<claim>; 5 'digest accepted', 6 'size claim', 7 head JSON, line feed, body; when there is one of them:
--       8 ttl in ms or 0, 9 collapse key or ''
-- Returns 'stored epoch seq', 'duplicate epoch seq' or 'conflict'
local ttl, collapse = tonumber(ARGV[8]) or 0, ARGV[9] or ''

if beside then
  finish()
  local original, digest = string.match(beside, '^(%d+) (%S+)')
  if digest ~= string.match(ARGV[5], '^%S+') then return 'conflict' end
  return 'duplicate ' .. epoch .. ' ' .. original
end

-- Its stream is made with it.
if count == 0 then isHeld = true end
isChanged = true
seq, count, unread, unseen = seq + 1, count + 1, unread + 1, unseen + 1
local expires = ttl > 0 and now + ttl or 0
local leaves = ttl > 0 and expires or now + STANDS
if due == 0 or leaves < due then due = leaves end
stand(leaves + DAY)
local of, at = format('%d', seq), format('%d', now)
local state = at .. ' ' .. (ttl > 0 and format('%d', expires) or '0') .. ' ' .. ARGV[6]

if collapse == '' then
  call('XADD', ORDER, of, 's', state)
else
  local others = {}
  for other in string.gmatch(call('HGET', INBOX, 'c' .. collapse) or '', '%d+') do
    if removing().isRead(other) then others[#others + 1] = other
    else removing().remove(other, 'replaced') end
  end
  others[#others + 1] = of
  call('HSET', INBOX, 'c' .. collapse, table.concat(others, ' '))
  call('XADD', ORDER, of, 's', state, 'c', collapse)
end
if expires > 0 then
  call('ZADD', DUE, format('%d', expires), of)
  hold(DUE)
end
if count > KEEP then removing().trim() end
finish(now, expires, ARGV[4], of .. ' ' .. ARGV[5] .. ' ' .. at, 'b' .. of, ARGV[7])
return 'stored ' .. epoch .. ' ' .. of
