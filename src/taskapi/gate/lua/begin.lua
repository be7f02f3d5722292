-- A write is about to commit: enters it among those under way and gives its fields a new version.
-- KEYS: versions. ARGV: write id, a new version, life in microseconds, '1' if nobody else can know this user yet, fields.
-- Reply: 1.

local writing, born = unpack(call('HMGET', KEYS[1], 'writing', 'born'))
local own, lost, doubtful
writing, own, lost = writes_under_way(writing, ARGV[1])
if lost then
    call('HDEL', KEYS[1], 'lsn')
end

if not born then
    doubtful = ARGV[4] ~= '1'
    make_floor(KEYS[1], ARGV[2], doubtful and now or 0)
else
    doubtful = is_young(KEYS[1], born)
    if call('HLEN', KEYS[1]) > 2000 then
        call('DEL', KEYS[1])
        make_floor(KEYS[1], ARGV[2], tonumber(born))
        writing = doubted(writing) -- what `lsn` said is gone
    end
end

local entry = ARGV[1] .. ' ' .. string.format('%.0f', now + tonumber(ARGV[3])) .. ' '
local changes = {}
for argument = 5, #ARGV do
    entry = entry .. ARGV[argument] .. ' '
    changes[#changes + 1] = ARGV[argument]
    changes[#changes + 1] = ARGV[2]
end
if doubtful then
    entry = entry .. '? '
end
call('HSET', KEYS[1], 'writing', writing .. entry .. ';', unpack(changes))
call('EXPIRE', KEYS[1], KEPT)
return 1
