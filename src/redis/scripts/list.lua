-- One page of an inbox.
-- ARGV  5 only what is older than this seq, or '+'; 6 how many; 7 'all', 'unread' or 'archived'; 8 most bytes of bodies
-- Returns m, the next page's `before` or '', then for each item, newest first: seq, state, flags or nil, head and body
local limit, filter, maxBytes = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])
finish()

local function passes(flags)
  if filter == 'all' then return true end
  local bits = tonumber(string.match(flags or '0', '^%d+'))
  if filter == 'archived' then return bits >= 4 end
  return bits < 4 and bits % 2 == 0
end

-- One more than asked for says that there is a next page.
local found, bytes, isFull = {}, 0, false
local from = ARGV[5] == '+' and '+' or format('%d', ARGV[5] - 1)
while from and not isFull do
  local chunk = call('XREVRANGE', ORDER, from, '-', 'COUNT', 100)
  local names = {}
  for i, entry in ipairs(chunk) do names[i] = 'f' .. string.match(entry[1], '^%d+') end
  local flags = #names > 0 and call('HMGET', INBOX, unpack(names)) or {}
  for i, entry in ipairs(chunk) do
    if passes(flags[i]) then
      bytes = bytes + sizeOf(entry)
      if #found == limit or (#found > 0 and bytes > maxBytes) then
        isFull = true
        break
      end
      found[#found + 1] = entry
    end
  end
  local last = #chunk == 100 and string.match(chunk[100][1], '^%d+') - 1 or 0
  from = last > 0 and format('%d', last)
end
local reply = {packed, isFull and string.match(found[#found][1], '^%d+') or ''}
add(reply, found)
return reply
