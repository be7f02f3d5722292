-- Keeps a copy of a session that was read from PostgreSQL, unless sessions of this user changed meanwhile.
-- KEYS: versions, session. ARGV: epoch and version under which it was read, copy, seconds. Reply: whether it was kept.

local state = call('HMGET', KEYS[1], 'floor', 'born', 'writing', 'sessions')
if not state[1] or is_young(KEYS[1], state[2]) or is_written(writes_under_way(state[3]), 'sessions') then
    return 0
end
if string.sub(ARGV[1], 13) ~= (state[4] or state[1]) then
    return 0
end
call('SET', KEYS[2], ARGV[1] .. ARGV[2], 'EX', ARGV[3])
return 1
