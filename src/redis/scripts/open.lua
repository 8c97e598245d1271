-- Reads an inbox for a browser that arrives, and makes it where there is none.
-- ARGV  5 mode: 'fresh', 'snapshot' or 'since'; 6 since epoch, 7 since seq, 8 most bytes of bodies, 9 items of a page
-- Returns mode, m, now, then for each item, oldest first: seq, state, flags or nil, head and body
local wanted, sinceSeq, maxBytes = ARGV[5], tonumber(ARGV[7]), tonumber(ARGV[8])
stand(now + STANDS)
finish()
local reply = {'fresh', packed, format('%d', now)}
if wanted == 'fresh' then return reply end

local entries, bytes = {}, 0
local mode = 'snapshot'
if wanted == 'since' and ARGV[6] == epoch and sinceSeq <= seq and sinceSeq >= floor then
  mode = 'resumed'
  entries = call('XRANGE', ORDER, format('%d', sinceSeq + 1), '+')
  for _, entry in ipairs(entries) do bytes = bytes + sizeOf(entry) end
  if bytes > maxBytes then mode = 'snapshot' end
end
reply[1] = mode
if mode == 'snapshot' then
  local newest = call('XREVRANGE', ORDER, '+', '-', 'COUNT', ARGV[9])
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
