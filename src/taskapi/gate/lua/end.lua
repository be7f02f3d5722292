-- A write is over, or its row in the outbox is announced: takes it from those under way and always gives its fields a new
-- version.
-- KEYS: versions. ARGV: write id ('' for an announcement), a new version, fields. Reply: 1.

local writing, floor = unpack(redis.call('HMGET', KEYS[1], 'writing', 'floor'))
if not floor then
    make_floor(KEYS[1], ARGV[2], now)
end
if writing then
    store_writes(KEYS[1], writes_under_way(writing, ARGV[1]))
end

local changes = {}
for argument = 3, #ARGV do
    changes[#changes + 1] = ARGV[argument]
    changes[#changes + 1] = ARGV[2]
end
redis.call('HSET', KEYS[1], unpack(changes))
redis.call('EXPIRE', KEYS[1], KEPT)
return 1
