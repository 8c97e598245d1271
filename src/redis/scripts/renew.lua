-- Gives an inbox of an earlier generation of the store its new epoch; one that is not there is not made.
-- Returns m, or nil
local text = call('HGET', INBOX, 'm')
if not text then return false end
begin(text)
finish()
return pack()
