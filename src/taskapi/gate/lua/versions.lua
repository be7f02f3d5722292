-- The hash `versions:{user}`: a token per field that changed, `floor` (the token of every other field), `born` (when the
-- floor was made), and `writing`: the writes under way, each as `<id> <deadline> <field> <field> ;`. These stand in one field,
-- so that a question reads them together with the versions that it asks for. Where replicas are read there is `lsn` too: the
-- highest position of the primary's log that an end brought, behind the epoch in which whatever was committed without an
-- entry here lies before it (zeros if in none).

-- Microseconds for which a floor counts as a write under way: a flush may have wiped one, whose beginning was confirmed at
-- most a second before COMMIT, and COMMIT may take as long as a statement (5 s).
local YOUNG = 8000000
local KEPT = 86400 -- seconds after its last use for which the hash is kept
local RENEWED = 82800 -- renewed only when so few seconds are left, since that is a write

local function renew(versions)
    if call('TTL', versions) < RENEWED then
        call('EXPIRE', versions, KEPT)
    end
end

-- Says whether a floor is too young to be trusted; one from the future (the clock was set back) begins anew.
local function is_young(versions, born)
    born = tonumber(born)
    if born > now then
        call('HSET', versions, 'born', now)
        return true
    end
    return now - born < YOUNG
end

local function make_floor(versions, floor, born)
    call('HSET', versions, 'floor', floor, 'born', born)
end

-- Marks entries of writes whose `lsn` may not be believed alone: something may be committed that has no entry, and of
-- which nobody told how far a replica has to be. Their mark is a field that no write has.
local function doubted(writing)
    return (string.gsub(writing, '([^?]) ;', '%1 ? ;'))
end

-- Returns the writes under way that are not over their deadline, without the one called `except`; what that one's entry says
-- of its fields; and whether some were over their deadline: these may be committed, and nobody knows how far a replica has to be.
local function writes_under_way(writing, except)
    local kept, own, lost = {}, nil, false
    for id, deadline, fields in string.gmatch(writing or '', '(%x+) (%d+)( [^;]*);') do
        if id == except then
            own = fields
        elseif tonumber(deadline) > now then
            kept[#kept + 1] = id .. ' ' .. deadline .. fields .. ';'
        else
            lost = true
        end
    end
    kept = table.concat(kept)
    if lost then
        return doubted(kept), nil, true
    end
    return kept, own, false
end

local function store_writes(versions, writing)
    if writing == '' then
        call('HDEL', versions, 'writing')
    else
        call('HSET', versions, 'writing', writing)
    end
end

-- Says whether one of the writes touches `field`.
local function is_written(writing, field)
    return writing ~= '' and string.find(writing, ' ' .. field .. ' ', 1, true) ~= nil
end
