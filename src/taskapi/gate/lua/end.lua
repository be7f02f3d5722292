-- A write is over, or its row in the outbox is announced: takes it from those under way and always gives its fields a new
-- version.
-- KEYS: versions. ARGV: write id ('' for an announcement), a new version, where a replica has it, fields. The third is ''
-- where nobody can say that, '-' if nothing was committed, else the epoch, '1' if the write was begun in it, the position.
-- Reply: 1.

local writing, floor, filed = unpack(call('HMGET', KEYS[1], 'writing', 'floor', 'lsn'))
if not floor then
    make_floor(KEYS[1], ARGV[2], now)
end
local place, kept, own, lost = ARGV[3], writes_under_way(writing, ARGV[1])
if place == '' then
    lost = true
    if kept ~= '' then
        kept = doubted(kept)
    end
end
if filed and lost then
    call('HDEL', KEYS[1], 'lsn')
    filed = nil
end

local changes = {}
if place ~= '' and place ~= '-' then
    local epoch, position = string.sub(place, 1, 12), string.sub(place, 14)
    if filed and string.sub(filed, 13) > position then
        position = string.sub(filed, 13)
    end
    local covers = own and string.sub(place, 13, 13) == '1' and not string.find(own, ' ? ', 1, true)
    if not covers then
        epoch = filed and string.sub(filed, 1, 12) or string.rep('\0', 12)
    end
    changes = { 'lsn', epoch .. position }
end
for argument = 4, #ARGV do
    changes[#changes + 1] = ARGV[argument]
    changes[#changes + 1] = ARGV[2]
end
if writing then
    store_writes(KEYS[1], kept)
end
call('HSET', KEYS[1], unpack(changes))
call('EXPIRE', KEYS[1], KEPT)
return 1
