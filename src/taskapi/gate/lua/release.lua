-- Gives back one request that was counted, because a counter elsewhere refused it.
-- KEYS: counters. ARGV: interval of each. Reply: 1.

for index = 1, #KEYS do
    local tat = tonumber(call('GET', KEYS[index]) or now) - tonumber(ARGV[index])
    if tat > now then
        call('SET', KEYS[index], tat, 'PX', math.ceil((tat - now) / 1000) + 1)
    else
        call('DEL', KEYS[index])
    end
end
return 1
