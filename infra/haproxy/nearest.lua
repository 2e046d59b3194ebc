-- Which region a request goes to: the wanted one while it is ready, else the ready one that answers fastest from here.
--
-- Regions are the back ends `near_NAME` that `render` made; in each, the servers that are no backup are that region's own. How far a
-- region is, the balancer's own health checks measure: the time to connect and to answer `/readyz`.

local PREFIX = "near_"
-- How much of a new measurement counts: single slow answers change no order.
local SHARE = 0.3
local MEASURE_EVERY_MS = 500

local regions = {}
local distance_ms = {}

local function own_servers(name, backend)
    local own = {}
    for server_name, server in pairs(backend.servers) do
        if server_name == name or server_name:match("^(.*)%.%d+$") == name then
            table.insert(own, server)
        end
    end
    return own
end

local function is_up(server)
    local status = server:get_stats()["status"] or ""
    return status:sub(1, 2) == "UP"
end

local function is_ready(region)
    for _, server in ipairs(regions[region] or {}) do
        if is_up(server) then
            return true
        end
    end
    return false
end

core.register_init(function()
    for backend_name, backend in pairs(core.backends) do
        if backend_name:sub(1, #PREFIX) == PREFIX then
            local name = backend_name:sub(#PREFIX + 1)
            regions[name] = own_servers(name, backend)
        end
    end
end)

core.register_task(function()
    while true do
        for name, servers in pairs(regions) do
            for _, server in ipairs(servers) do
                local took = tonumber(server:get_stats()["check_duration"])
                if took and is_up(server) then
                    local known = distance_ms[name]
                    distance_ms[name] = known and known + SHARE * (took - known) or took
                end
            end
        end
        core.msleep(MEASURE_EVERY_MS)
    end
end)

-- Equal distances are ordered by name, so that a client stays where it is.
local function nearest()
    local best
    for name in pairs(regions) do
        if is_ready(name) then
            local mine, least = distance_ms[name] or math.huge, best and distance_ms[best] or math.huge
            if not best or mine < least or mine == least and name < best then
                best = name
            end
        end
    end
    return best
end

core.register_fetches("sterna_region", function(txn)
    local wanted = txn:get_var("txn.wanted")
    if wanted and is_ready(wanted) then
        return wanted
    end
    -- While none is ready, the wanted one says best what is wrong.
    return nearest() or (wanted and regions[wanted] and wanted) or next(regions)
end)
