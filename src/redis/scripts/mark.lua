-- Marks what these ids or everything up to a position name.
-- ARGV  5 op, 6 is there a position: 0 or 1, 7 its epoch, 8 its seq, from 9 on: claims that an id may stand for
-- Returns m, or 'epoch' or 'position' when the position is not one of this inbox
local op, hasPosition, upTo = ARGV[5], ARGV[6] == '1', ARGV[8]
if hasPosition and (ARGV[7] ~= epoch or tonumber(upTo) > seq) then
  finish()
  return ARGV[7] ~= epoch and 'epoch' or 'position'
end

local chosen, isChosen = {}, {}
local function choose(of)
  if isChosen[of] then return end
  isChosen[of] = true
  chosen[#chosen + 1] = of
end
for from = 9, #ARGV, MAX_ARGUMENTS do
  local fields = {}
  for i = from, math.min(from + MAX_ARGUMENTS - 1, #ARGV) do fields[#fields + 1] = 'i' .. ARGV[i] end
  for _, known in ipairs(call('HMGET', INBOX, unpack(fields))) do
    -- What has gone is told apart by what follows.
    local of = known and string.match(known, '^(%d+) %S+ %d+ %d+$')
    if of then choose(of) end
  end
end
if hasPosition then
  local from = '-'
  repeat
    local page = call('XRANGE', ORDER, from, upTo, 'COUNT', MAX_ARGUMENTS)
    for _, entry in ipairs(page) do choose((string.match(entry[1], '^%d+'))) end
    if #page > 0 then from = format('%d', string.match(page[#page][1], '^%d+') + 1) end
  until #page < MAX_ARGUMENTS
end
table.sort(chosen, function(a, b) return tonumber(a) < tonumber(b) end)

-- flags: 1 read, 2 seen, 4 archived
local function become(flags)
  local read, seen, archived = flags % 2, math.floor(flags / 2) % 2, math.floor(flags / 4)
  if op == 'read' then read, seen = 1, 1
  elseif op == 'unread' then read = 0
  elseif op == 'seen' then seen = 1
  elseif op == 'archive' then archived = 1
  else archived = 0 end
  return read + 2 * seen + 4 * archived
end
local function counted(flags)
  if flags >= 4 then return 0, 0 end
  return flags % 2 == 0 and 1 or 0, flags < 2 and 1 or 0
end

local writes = {}
local function write(atLeast)
  if #writes >= atLeast then
    call('HSET', INBOX, unpack(writes))
    writes = {}
  end
end
local function flag(of, text)
  local was, seen, read, rest = string.match(text or '0 0 0 0 0', '^(%d+) (%d+) (%d+) (%d+ %d+)$')
  was = tonumber(was)
  local is = become(was)
  if is == was then return end
  local wasUnread, wasUnseen = counted(was)
  local isUnread, isUnseen = counted(is)
  unread, unseen = unread + isUnread - wasUnread, unseen + isUnseen - wasUnseen
  if seen == '0' and math.floor(is / 2) % 2 == 1 then seen = format('%d', now) end
  if read == '0' and is % 2 == 1 then read = format('%d', now) end
  writes[#writes + 1] = 'f' .. of
  writes[#writes + 1] = is .. ' ' .. seen .. ' ' .. read .. ' ' .. rest
  write(MAX_ARGUMENTS)
  changes[#changes + 1] = '[' .. of .. ',' .. is .. ']'
  isChanged = true
end
local function flagAll()
  for from = 1, #chosen, MAX_ARGUMENTS do
    local fields = {}
    for i = from, math.min(from + MAX_ARGUMENTS - 1, #chosen) do fields[#fields + 1] = 'f' .. chosen[i] end
    for i, text in ipairs(call('HMGET', INBOX, unpack(fields))) do flag(chosen[from + i - 1], text) end
  end
  write(1)
end

if op == 'delete' then
  for _, of in ipairs(chosen) do removing().remove(of, 'deleted') end
else
  flagAll()
end
finish()
return packed
