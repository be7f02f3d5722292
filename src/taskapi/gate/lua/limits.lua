-- The generic cell rate algorithm (ATM Forum TM 4.0, as GCRA in "virtual scheduling" form), in whole microseconds.
-- A counter holds the theoretical arrival time (tat) of the next request; it may run ahead of the clock by `burst` at most.

local call = redis.call -- to look it up costs as much as some commands
local clock = call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])

-- Looks at the counters KEYS[first_key], …, whose interval and burst are ARGV[first_argument], …, and counts one request
-- only if every one has room. Appends remaining requests, microseconds until the allowance is whole again, and
-- microseconds to wait (0: accepted) for each to `reply`; returns whether the request may go on. Times are handed on as
-- numbers: below 2^52 these are written as they are; to format one took a seventh of the memory that a question touches.
local function count(first_key, first_argument, reply)
    local size, place, accepted = #reply, #reply, true
    for key = first_key, #KEYS do
        local interval, burst = tonumber(ARGV[first_argument]), tonumber(ARGV[first_argument + 1])
        local ahead = tonumber(call('GET', KEYS[key]) or now) - now
        if ahead < 0 then
            ahead = 0
        elseif ahead > burst then
            ahead = burst -- a clock that was set back locks nobody out
        end
        if ahead + interval > burst then
            accepted = false
        end
        reply[place + 1], reply[place + 2], reply[place + 3] = interval, ahead, burst
        first_argument, place = first_argument + 2, place + 3
    end
    for key = first_key, #KEYS do
        local interval, ahead, burst = reply[size + 1], reply[size + 2], reply[size + 3]
        local wait = ahead + interval - burst
        if accepted then
            ahead, wait = ahead + interval, 0
            call('SET', KEYS[key], now + ahead, 'PX', math.ceil(ahead / 1000) + 1)
        end
        reply[size + 1] = math.floor((burst - ahead) / interval)
        reply[size + 2] = ahead
        reply[size + 3] = wait > 0 and wait or 0
        size = size + 3
    end
    return accepted
end
