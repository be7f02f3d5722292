-- Counts a request against counters of one subject.
-- KEYS: counters. ARGV: interval and burst of each. Reply: remaining, reset, wait of each.

local reply = {}
count(1, 1, reply)
return reply
