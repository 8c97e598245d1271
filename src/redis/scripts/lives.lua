-- The lives of what an id stands for in one inbox; an inbox that is not there is not made.
-- ARGV  from 5 on: claims that the id may stand for
-- Returns the epoch, then for each that is known what i<claim> says, in full also for what stands
if not wasThere then return {} end
finish()
local reply = {epoch}
for i = 5, #ARGV do
  local known = call('HGET', INBOX, 'i' .. ARGV[i])
  if known then
    local of = string.match(known, '^(%d+) %S+ %d+ %d+$')
    if of then known = known .. string.gsub(call('HGET', INBOX, 'f' .. of) or '0 0 0 0 0', '^%d+', '') end
    reply[#reply + 1] = known
  end
end
return reply
