-- Reads an inbox for a browser that arrives, and makes it where there is none.
-- ARGV  7 mode: 'fresh', 'snapshot' or 'since'; 8 since epoch, 9 since seq, 10 most bytes of bodies, 11 items of a page
-- Returns mode, m, now, then for each item, oldest first: seq, state, flags or nil, head and body
local wanted, sinceSeq, maxBytes = ARGV[7], tonumber(ARGV[9]), tonumber(ARGV[10])
begin(call('HGET', INBOX, 'm'))
stand(now + STANDS)
finish()
local reply = {'fresh', pack(), now}
if wanted == 'fresh' then return reply end

local entries, bytes = {}, 0
local function sizeOf(entry)
  return tonumber(string.match(entry[2][2], '%d+$'))
end
local mode = 'snapshot'
if wanted == 'since' and ARGV[8] == epoch and sinceSeq <= tonumber(seq) and sinceSeq >= tonumber(floor) then
  mode = 'resumed'
  entries = call('XRANGE', ORDER, string.format('%.0f', sinceSeq + 1), '+')
  for _, entry in ipairs(entries) do bytes = bytes + sizeOf(entry) end
  if bytes > maxBytes then mode = 'snapshot' end
end
reply[1] = mode
if mode == 'snapshot' then
  local newest = call('XREVRANGE', ORDER, '+', '-', 'COUNT', ARGV[11])
  local first = #newest
  bytes = 0
  for i, entry in ipairs(newest) do
    bytes = bytes + sizeOf(entry)
    if bytes > maxBytes and i > 1 then
      first = i - 1
      break
    end
  end
  entries = {}
  for i = first, 1, -1 do entries[#entries + 1] = newest[i] end
end
add(reply, entries)
return reply
