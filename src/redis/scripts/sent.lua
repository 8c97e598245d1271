-- Notes to how many more devices copies were written. What is not known any more is left as it is.
-- KEYS  1 inbox
-- ARGV  for each: seq, devices, how many ms ago
local call = redis.call
local now = NOW
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- text: ends with devices and when they were first written to, 0 when they were not.
local function add(text, devices, ago)
  local told, sent = string.match(text, '^(%d+) (%d+)$')
  if sent == '0' then sent = string.format('%d', now - ago) end
  return told + devices .. ' ' .. sent
end

for i = 1, #ARGV, 3 do
  local of, devices, ago = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local found = call('HMGET', KEYS[1], 'f' .. of, 'b' .. of, 'g' .. of)
  local flags, claim = found[1], found[3]
  if found[2] then
    local before, told = string.match(flags or '0 0 0 0 0', '^(%d+ %d+ %d+) (%d+ %d+)$')
    call('HSET', KEYS[1], 'f' .. of, before .. ' ' .. add(told, devices, ago))
  elseif claim then
    local life = call('HGET', KEYS[1], 'i' .. claim)
    local before, told, gone = string.match(life, '^(%d+ %S+ %d+ %d+ %d+ %d+) (%d+ %d+) (%S+ %d+)$')
    call('HSET', KEYS[1], 'i' .. claim, before .. ' ' .. add(told, devices, ago) .. ' ' .. gone)
  end
end
