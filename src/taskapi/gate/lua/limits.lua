-- The generic cell rate algorithm (ATM Forum TM 4.0, as GCRA in "virtual scheduling" form), in whole microseconds.
-- A counter holds the theoretical arrival time (tat) of the next request; it may run ahead of the clock by `burst` at most.

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])

-- Looks at the counters KEYS[first_key], …, whose interval and burst are ARGV[first_argument], …, and counts one request
-- only if every one has room. Appends remaining requests, microseconds until the allowance is whole again, and
-- microseconds to wait (0: accepted) for each to `reply`; returns whether the request may go on.
local function count(first_key, first_argument, reply)
    local arrivals, accepted = {}, true
    for key = first_key, #KEYS do
        local interval = tonumber(ARGV[first_argument + (key - first_key) * 2])
        local burst = tonumber(ARGV[first_argument + (key - first_key) * 2 + 1])
        local tat = tonumber(redis.call('GET', KEYS[key]) or now)
        tat = math.min(math.max(tat, now), now + burst) -- a clock that was set back locks nobody out
        arrivals[key] = tat + interval
        if arrivals[key] - now > burst then
            accepted = false
        end
    end
    for key = first_key, #KEYS do
        local interval = tonumber(ARGV[first_argument + (key - first_key) * 2])
        local burst = tonumber(ARGV[first_argument + (key - first_key) * 2 + 1])
        local ahead = arrivals[key] - now
        if accepted then
            redis.call('SET', KEYS[key], string.format('%.0f', arrivals[key]), 'PX', math.ceil(ahead / 1000) + 1)
        else
            ahead = ahead - interval
        end
        reply[#reply + 1] = math.max(0, math.floor((burst - ahead) / interval))
        reply[#reply + 1] = ahead
        reply[#reply + 1] = math.max(0, ahead + interval - burst)
        if accepted then
            reply[#reply] = 0
        end
    end
    return accepted
end
