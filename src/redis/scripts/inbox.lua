-- Stands before each script that works on one inbox: reads it, gives it a new epoch where it must, removes what is due.
-- The names, types and lives of the keys stand in keys.ts; what they hold stands here and in inboxText.ts.
--
-- Before it stands a line of constants: KEEP, how many are kept; STANDS, for how long in ms; NOW, what time it is, if not
-- what the store's own clock says.
--
-- KEYS  1 inbox (hash), 2 order (stream), 3 due (sorted set), 4 forget (sorted set)
-- ARGV  1 channel of the rings, 2 the store's generation, 3 an epoch nobody had, 4 a field that is read along, or '';
--       from 5 on the script's own
--
-- inbox   m           seq rev unread unseen count floor due forget until, nine doubles; epoch, generation, each ended by
--                     a zero byte. Printing numbers as text takes Lua longer than all the rest.
--         b<seq>      head JSON, a line feed, the body; never parsed here
--         f<seq>      flags seenAt readAt devices sentAt; only of what was touched. flags: 1 read, 2 seen, 4 archived
--         i<claim>    seq digest accepted stored; once it has gone also: seenAt readAt devices sentAt why goneAt
--         g<seq>      claim of what has gone, as long as i<claim> is known
--         c<collapse> the standing ones with this key, oldest first: seq seq …
-- order   <seq>-0     s: at expires size claim, c: collapse key if any
-- due     seq by when it expires; forget: claim by when it may be forgotten
--
-- Rings: R, before at expires as three doubles, m, the changes as JSON, a line feed, what b<seq> says. at is 0 when
-- nothing has arrived. A change is [seq, flags], or [seq] when it has gone.
--
-- 0 stands for "none" in all of them. until: when the keys are let go.
local call, format = redis.call, string.format
local INBOX, ORDER, DUE, FORGET = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local DAY, MAX_ARGUMENTS = 86400000, 1000

local now = NOW
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local found = call('HMGET', INBOX, 'm', ARGV[4])
local packed, beside, wasThere = found[1], found[2], found[1] ~= false
local epoch, generation, seq, rev, unread, unseen, count, floor, due, forget, till
-- isChanged: is rung. isTouched: is written, and nobody needs to know. isHeld: the keys are to stand longer.
local isChanged, isTouched, isHeld, isDueStale = false, false, false, false
local before, changes = 0, {}

-- The keys stand for a day longer than anything in them, and are told so once a day.
local function stand(untilAtLeast)
  if untilAtLeast <= till then return end
  till = untilAtLeast + DAY
  isTouched, isHeld = true, true
end

local function hold(key)
  call('PEXPIRE', key, format('%d', till - now))
end

-- Nothing is removed in most calls: what removes is made when it is needed.
local function removal()
  local self = {}

  local function isRead(of)
    return string.match(call('HGET', INBOX, 'f' .. of) or '0', '^%d+') % 2 == 1
  end

  local function unlink(key, of)
    local rest = {}
    for each in string.gmatch(call('HGET', INBOX, 'c' .. key) or '', '%d+') do
      if each ~= of then rest[#rest + 1] = each end
    end
    if #rest == 0 then call('HDEL', INBOX, 'c' .. key)
    else call('HSET', INBOX, 'c' .. key, table.concat(rest, ' ')) end
  end

  -- Its id stays known until it is a day old.
  local function letGo(of, claim, told, at, why, life)
    local known = at + DAY
    if known <= now then return call('HDEL', INBOX, 'i' .. claim) end
    call('HSET', INBOX, 'i' .. claim, told .. life .. ' ' .. why .. ' ' .. format('%d', now), 'g' .. of, claim)
    call('ZADD', FORGET, format('%d', known), claim)
    if forget == 0 then hold(FORGET) end
    if forget == 0 or known < forget then forget = known end
  end

  -- of: a text, entry: what order says of it, if that is known already. False when it does not stand.
  function self.remove(of, why, entry)
    entry = entry or call('XRANGE', ORDER, of, of)[1]
    if not entry then return false end
    local fields = entry[2]
    local at, expires, claim = string.match(fields[2], '^(%d+) (%d+) %d+ (.*)$')
    at, expires = tonumber(at), tonumber(expires)
    local told = call('HMGET', INBOX, 'i' .. claim, 'f' .. of)
    local flags, life = string.match(told[2] or '0 0 0 0 0', '^(%d+)( .*)$')
    flags = tonumber(flags)
    call('XDEL', ORDER, of)
    call('HDEL', INBOX, 'b' .. of, 'f' .. of)
    if expires > 0 then call('ZREM', DUE, of) end
    if fields[4] then unlink(fields[4], of) end
    if told[1] then letGo(of, claim, told[1], at, why, life) end
    count = count - 1
    if flags < 4 then
      if flags % 2 == 0 then unread = unread - 1 end
      if flags < 2 then unseen = unseen - 1 end
    end
    if (expires > 0 and expires or at + STANDS) <= due then isDueStale = true end
    changes[#changes + 1] = '[' .. of .. ']'
    isChanged = true
    return true
  end

  -- The oldest that stands, and what order says of it.
  local function oldest()
    local entry = call('XRANGE', ORDER, '-', '+', 'COUNT', 1)[1]
    return string.match(entry[1], '^%d+'), entry
  end

  -- The oldest that has no ttl, when it is too old, and what order says of it.
  local function aging()
    local from, many = '-', 1
    while true do
      local entries = call('XRANGE', ORDER, from, '+', 'COUNT', many)
      for _, entry in ipairs(entries) do
        local at, expires = string.match(entry[2][2], '^(%d+) (%d+)')
        if expires == '0' then return string.match(entry[1], '^%d+'), at + STANDS, entry end
      end
      if #entries < many then return end
      from, many = '(' .. entries[many][1], 100
    end
  end

  function self.refreshDue()
    local first = tonumber(call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2])
    local _, leaves = aging()
    due = math.min(first or math.huge, leaves or math.huge)
    if due == math.huge then due = 0 end
    isDueStale = false
  end

  function self.expire()
    for _, of in ipairs(call('ZRANGEBYSCORE', DUE, '-inf', now)) do self.remove(of, 'expired') end
    call('ZREMRANGEBYSCORE', DUE, '-inf', now)
    local of, leaves, entry = aging()
    while of and leaves <= now do
      self.remove(of, 'expired', entry)
      of, leaves, entry = aging()
    end
    self.refreshDue()
    isTouched = true
  end

  -- At most so many in one go: there is a next time.
  function self.forgetIds()
    local claims = call('ZRANGEBYSCORE', FORGET, '-inf', now, 'LIMIT', 0, MAX_ARGUMENTS)
    for _, claim in ipairs(claims) do
      local known = call('HGET', INBOX, 'i' .. claim)
      call('HDEL', INBOX, 'i' .. claim, 'g' .. (string.match(known or '', '^%d+') or ''))
    end
    if #claims > 0 then call('ZREM', FORGET, unpack(claims)) end
    forget = tonumber(call('ZRANGE', FORGET, 0, 0, 'WITHSCORES')[2]) or 0
    isTouched = true
  end

  function self.trim()
    while count > KEEP do
      local of, entry = oldest()
      -- Only what has just arrived is left: an eviction took the rest.
      if tonumber(of) == seq then
        count, unread, unseen, floor = 1, 1, 1, seq - 1
        return
      end
      self.remove(of, 'trimmed', entry)
      floor = tonumber(of)
    end
  end

  self.isRead = isRead
  return self
end
local made
local function removing()
  made = made or removal()
  return made
end

-- Ends every script: writes what is another than before, and rings. rev rises as high as the clock at least. What has
-- arrived, if anything: when, until when, its fields but m.
local function finish(at, expires, claim, told, name, blob)
  if isDueStale then removing().refreshDue() end
  if isChanged then rev = math.max(rev + 1, now)
  elseif not isTouched then return end
  packed = struct.pack('<dddddddddss', seq, rev, unread, unseen, count, floor, due, forget, till, epoch, generation)
  if at then call('HSET', INBOX, 'm', packed, claim, told, name, blob)
  else call('HSET', INBOX, 'm', packed) end
  if isHeld then
    for _, key in ipairs(KEYS) do hold(key) end
  end
  if not isChanged then return end
  local left = #changes == 0 and '[]' or '[' .. table.concat(changes, ',') .. ']'
  call('PUBLISH', ARGV[1], 'R' .. struct.pack('<ddd', before, at or 0, expires or 0) .. packed .. left .. '\n' .. (blob or ''))
end

if wasThere then
  seq, rev, unread, unseen, count, floor, due, forget, till, epoch, generation = struct.unpack('<dddddddddss', packed)
  before = rev
  if generation ~= ARGV[2] then
    generation, epoch, isChanged = ARGV[2], ARGV[3], true
  end
  if due > 0 and due <= now then
    removing().expire()
    beside = call('HGET', INBOX, ARGV[4])
  end
  if forget > 0 and forget <= now then
    removing().forgetIds()
    beside = call('HGET', INBOX, ARGV[4])
  end
else
  -- What an eviction may have left of it.
  if call('EXISTS', ORDER, DUE, FORGET) > 0 then call('DEL', ORDER, DUE, FORGET) end
  seq, rev, unread, unseen, count, floor, due, forget, till = 0, now, 0, 0, 0, 0, 0, 0, 0
  generation, epoch = ARGV[2], ARGV[3]
  stand(now + STANDS + DAY)
end
