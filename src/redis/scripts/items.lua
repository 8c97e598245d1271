-- For scripts that answer with items.
local function sizeOf(entry)
  return tonumber(string.match(entry[2][2], '^%d+ %d+ (%d+)'))
end

-- Appends to the reply what stands behind entries of `order`.
local function add(reply, entries)
  for from = 1, #entries, 500 do
    local fields = {}
    for i = from, math.min(from + 499, #entries) do
      local of = string.match(entries[i][1], '^%d+')
      fields[#fields + 1] = 'f' .. of
      fields[#fields + 1] = 'b' .. of
    end
    local found = call('HMGET', INBOX, unpack(fields))
    for i = 1, #found, 2 do
      local entry = entries[from + (i - 1) / 2]
      reply[#reply + 1] = string.match(entry[1], '^%d+')
      reply[#reply + 1] = entry[2][2]
      reply[#reply + 1] = found[i]
      reply[#reply + 1] = found[i + 1]
    end
  end
end
