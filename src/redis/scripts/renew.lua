-- Gives an inbox of an earlier generation of the store its new epoch; one that is not there is not made.
-- Returns m, or nil
if not wasThere then return false end
finish()
return packed
