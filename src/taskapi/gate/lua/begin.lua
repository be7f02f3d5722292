-- A write is about to commit: enters it among those under way and gives its fields a new version.
-- KEYS: versions. ARGV: write id, a new version, life in microseconds, '1' if nobody else can know this user yet, fields.
-- Reply: 1.

local writing, born = unpack(redis.call('HMGET', KEYS[1], 'writing', 'born'))
writing = writes_under_way(writing, ARGV[1])

if not born then
    make_floor(KEYS[1], ARGV[2], ARGV[4] == '1' and 0 or now)
elseif redis.call('HLEN', KEYS[1]) > 2000 then
    redis.call('DEL', KEYS[1])
    make_floor(KEYS[1], ARGV[2], tonumber(born))
end

local entry = ARGV[1] .. ' ' .. string.format('%.0f', now + tonumber(ARGV[3])) .. ' '
local changes = {}
for argument = 5, #ARGV do
    entry = entry .. ARGV[argument] .. ' '
    changes[#changes + 1] = ARGV[argument]
    changes[#changes + 1] = ARGV[2]
end
redis.call('HSET', KEYS[1], 'writing', writing .. entry .. ';', unpack(changes))
redis.call('EXPIRE', KEYS[1], KEPT)
return 1
