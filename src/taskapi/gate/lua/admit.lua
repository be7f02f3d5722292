-- Everything that a request wants to know first, in one call.
-- KEYS: versions, session, the body (unless ARGV[5] is '0'), then counters.
-- ARGV: epoch, a floor in case there is none, the stamp of the answer held, the field ('' for none), whether a body is
--       asked for ('1') and, if it has to be loaded, also from where on a replica may do that ('2'), then interval and burst of
--       each counter.
-- Reply: 0 unknown / 1 alive / 2 ended; the session's copy, or the version of `sessions` to refill it under (nil while it
--        is being written); the field's version (nil while it is being written); whether the held answer is fresh; the
--        fresh body; then remaining, reset, wait of each counter; then that position of the primary's log, if there is one.

local epoch, field = ARGV[1], ARGV[4]
local copy = call('GET', KEYS[2])
-- A tombstone is an epoch and a version, of 12 bytes each, and a dash.
if copy and #copy == 25 and string.sub(copy, 25) == '-' and string.sub(copy, 1, 12) == epoch then
    return { 2 } -- a token of an ended session eats up nobody's allowance
end

local state = call('HMGET', KEYS[1], 'floor', 'born', 'writing', 'sessions', field)
local floor, young, writing, own, lost = state[1], true, ''
if floor then
    young = is_young(KEYS[1], state[2])
    if state[3] then
        writing, own, lost = writes_under_way(state[3])
        if lost then
            call('HDEL', KEYS[1], 'lsn')
            store_writes(KEYS[1], writing)
        end
    end
else
    floor = ARGV[2]
    make_floor(KEYS[1], floor, now)
end
renew(KEYS[1])

local reply = { 0, false, false, 0, false }
local has_body = ARGV[5] ~= '0'
local accepted = count(has_body and 4 or 3, 6, reply)

if not young and not is_written(writing, 'sessions') then
    local version = state[4] or floor
    if copy and string.sub(copy, 1, 24) == epoch .. version then
        reply[1], reply[2] = 1, string.sub(copy, 25)
    else
        reply[2] = version
    end
end

if accepted and field ~= '' and not young and not is_written(writing, field) then
    local version = state[5] or floor
    local stamp = epoch .. version
    reply[3] = version
    if ARGV[3] == stamp then
        reply[4] = 1
    elseif has_body then
        local body = call('GET', KEYS[3])
        if body and string.sub(body, 1, 24) == stamp then
            reply[5] = string.sub(body, 25)
        end
    end
    if ARGV[5] == '2' and reply[4] == 0 and not reply[5] and writing == '' then
        local filed = call('HGET', KEYS[1], 'lsn')
        if filed and string.sub(filed, 1, 12) == epoch then
            reply[#reply + 1] = string.sub(filed, 13)
        end
    end
end
return reply
